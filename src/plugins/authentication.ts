/**
 * What plugins that authenticate have in common: Kong's `anonymous` and `run_on_preflight`, the consumer of a
 * credential, and the headers that identify the caller to the upstream.
 */

import { errorResponse } from '../gateway/error-response.ts';
import { identify, identifyAnonymous } from '../gateway/identity.ts';
import type { Exchange, Identity, PluginHooks, PluginTools } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';
import { type Entity, referenceIn } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { BooleanField, StringField } from '../schema/description.ts';

/** The caller, or why the request is refused. */
export type Authentication = { readonly caller: Pick<Identity, 'consumer' | 'credential'> } | Refused;

/** An error response, and the refusal code for log and metrics. */
export interface Refused {
  readonly response: DirectResponse;
  readonly refusal: RefusalCode | undefined;
}

export interface AuthenticationSettings {
  readonly anonymous: string | null;
  readonly run_on_preflight?: boolean;
}

/** The hooks of a plugin that authenticates by `authenticate`. */
export function authenticating(
  { anonymous, run_on_preflight: runsOnPreflight = true }: AuthenticationSettings,
  tools: Pick<PluginTools, 'findConsumer'>,
  authenticate: (exchange: Exchange) => MaybePromise<Authentication>,
): PluginHooks {
  return {
    access(exchange) {
      if (!runsOnPreflight && exchange.request.method === 'OPTIONS') return undefined;
      if (isAuthenticated(exchange, anonymous)) return undefined;
      return whenThere(authenticate(exchange), (authentication) => {
        if (!('caller' in authentication)) return refuseOrAnonymous(exchange, authentication, anonymous, tools);
        identify(exchange, { ...authentication.caller, anonymous: false });
        return undefined;
      });
    },
  };
}

/** With `anonymous` on several plugins, the first that authenticates the caller decides (Kong). */
export function isAuthenticated({ identity }: Exchange, anonymous: string | null): boolean {
  return Boolean(anonymous) && identity !== undefined && !identity.anonymous;
}

/** Refuses the request, or lets the caller pass as the consumer that `anonymous` names. */
export function refuseOrAnonymous(
  exchange: Exchange,
  { response, refusal }: Refused,
  anonymous: string | null,
  tools: Pick<PluginTools, 'findConsumer'>,
): MaybePromise<DirectResponse | undefined> {
  const refuse = (code: Refused['refusal']): DirectResponse => {
    exchange.refusal = code;
    return response;
  };
  if (!anonymous) return refuse(refusal);
  return whenThere(tools.findConsumer(anonymous), (consumer) => {
    // An unknown consumer lets no caller pass.
    if (consumer === undefined) return refuse('anonymous_consumer_unknown');
    exchange.refusal = undefined;
    identifyAnonymous(exchange, consumer);
    return undefined;
  });
}

/** "A server generating a 401 response MUST send a WWW-Authenticate header field" (RFC 9110 §11.6.1). */
export function unauthorized(
  { request }: Exchange,
  challenge: string,
  refusal: RefusalCode,
  message = 'Unauthorized',
): Refused {
  return { response: errorResponse(request, 401, message, { headers: [['WWW-Authenticate', challenge]] }), refusal };
}

/** `Key`, or `Key realm="…"`. */
export function challengeOf(scheme: string, realm: string | null): string {
  return realm === null ? scheme : `${scheme} realm="${realm.replace(/["\\]/g, '\\$&')}"`;
}

/** The consumer that a credential belongs to; `otherwise` if that consumer does not exist. */
export function callerOf(
  credential: Entity,
  identifier: string,
  otherwise: () => Refused,
  tools: Pick<PluginTools, 'findConsumer'>,
): MaybePromise<Authentication> {
  const consumerId = referenceIn(credential, 'consumer');
  if (consumerId === undefined) return otherwise();
  return whenThere(tools.findConsumer(consumerId), (consumer) =>
    consumer === undefined ? otherwise() : { caller: { consumer, credential: { id: credential.id, identifier } } },
  );
}

/** Headers that hold credentials, in the order in which Kong reads them. */
export const credentialHeaders = ['proxy-authorization', 'authorization'];

// Settings that several of these plugins have -------------------------------------------------------------------------

export const anonymousField = {
  type: 'string',
  description: 'The id or username of the consumer that represents callers who are not authenticated.',
} as const satisfies StringField;

export const hideCredentialsField = {
  type: 'boolean',
  required: true,
  default: false,
  description: 'Removes the credential from the request before it goes upstream.',
} as const satisfies BooleanField;

export const runOnPreflightField = {
  type: 'boolean',
  required: true,
  default: true,
  description: 'Requires a credential on OPTIONS requests, too.',
} as const satisfies BooleanField;

export const realmField = {
  type: 'string',
  description: 'The realm in the WWW-Authenticate header of error responses.',
} as const satisfies StringField;

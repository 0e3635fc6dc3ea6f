/**
 * What all plugins have in common that say who the caller is, except for where they look: Kong's `anonymous` and
 * `run_on_preflight`, and the headers by which the upstream is told.
 */

import { errorResponse } from '../gateway/error-response.ts';
import { identify, identifyAnonymous } from '../gateway/identity.ts';
import type { AccessDecision, Exchange, Identity, PluginHooks, PluginTools } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { BooleanField, StringField } from '../schema/description.ts';

/** Who was found to call, or what the caller is told and the log says. */
export type Authentication =
  | { readonly caller: Pick<Identity, 'consumer' | 'credential'>; readonly refused?: undefined }
  | { readonly refused: DirectResponse; readonly refusal: RefusalCode };

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
  function decide(exchange: Exchange, authentication: Authentication): MaybePromise<AccessDecision> {
    if (authentication.refused === undefined) {
      identify(exchange, { ...authentication.caller, anonymous: false });
      return undefined;
    }
    if (!anonymous) {
      exchange.refusal = authentication.refusal;
      return authentication.refused;
    }
    return whenThere(tools.findConsumer(anonymous), (consumer) => {
      if (consumer !== undefined) {
        identifyAnonymous(exchange, consumer);
        return undefined;
      }
      // A consumer that is not there lets nobody in.
      exchange.refusal = 'anonymous_consumer_unknown';
      return authentication.refused;
    });
  }

  return {
    access(exchange) {
      if (!runsOnPreflight && exchange.request.method === 'OPTIONS') return undefined;
      // Of several plugins that may each let a caller in, the first that knew it has spoken.
      if (anonymous && exchange.identity !== undefined && !exchange.identity.anonymous) return undefined;
      return whenThere(authenticate(exchange), (authentication) => decide(exchange, authentication));
    },
  };
}

/** "A server generating a 401 response MUST send a WWW-Authenticate header field" (RFC 9110 §11.6.1). */
export function unauthorized(
  { request }: Exchange,
  challenge: string,
  refusal: RefusalCode,
  message = 'Unauthorized',
): Authentication {
  return { refused: errorResponse(request, 401, message, { headers: [['WWW-Authenticate', challenge]] }), refusal };
}

/** `Key`, or `Key realm="…"`. */
export function challengeOf(scheme: string, realm: string | null): string {
  return realm === null ? scheme : `${scheme} realm="${realm.replace(/["\\]/g, '\\$&')}"`;
}

/** The caller that a credential's row stands for. `undefined`: its consumer is gone. */
export function callerOf(
  credential: { readonly id: string; readonly identifier: string | undefined },
  consumerId: string,
  tools: Pick<PluginTools, 'findConsumer'>,
): MaybePromise<Pick<Identity, 'consumer' | 'credential'> | undefined> {
  return whenThere(tools.findConsumer(consumerId), (consumer) =>
    consumer === undefined ? undefined : { consumer, credential },
  );
}

export const anonymousField: StringField = {
  type: 'string',
  description: 'The id or username of the consumer that stands for callers who cannot be authenticated.',
};

export const hideCredentialsField: BooleanField = {
  type: 'boolean',
  required: true,
  default: false,
  description: 'Takes the credential out of the request before it goes upstream.',
};

export const runOnPreflightField: BooleanField = {
  type: 'boolean',
  required: true,
  default: true,
  description: 'Asks for a credential on OPTIONS requests, too.',
};

export const realmField: StringField = {
  type: 'string',
  description: 'Named in the WWW-Authenticate header of refusals.',
};

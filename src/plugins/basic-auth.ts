/** Kong's `basic-auth`: user name and password (RFC 7617), in `Proxy-Authorization` or `Authorization`. */

import { errorResponse } from '../gateway/error-response.ts';
import type { Exchange, Plugin, PluginTools } from '../gateway/plugin.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import {
  type Authentication,
  type AuthenticationSettings,
  anonymousField,
  authenticating,
  callerOf,
  challengeOf,
  hideCredentialsField,
  unauthorized,
} from './authentication.ts';

interface Settings extends AuthenticationSettings {
  readonly hide_credentials: boolean;
  readonly realm: string;
}

export const basicAuth: Plugin = {
  name: 'basic-auth',
  priority: 1100,
  authenticates: true,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        anonymous: anonymousField,
        hide_credentials: hideCredentialsField,
        realm: {
          type: 'string',
          required: true,
          default: 'service',
          description: 'Named in the WWW-Authenticate header of refusals.',
        },
      },
    },
  },
  compile(config, _place, tools) {
    const settings = config as unknown as Settings;
    const challenge = challengeOf('Basic', settings.realm);
    return authenticating(settings, tools, (exchange) => {
      const { request } = exchange;
      const read = readBasic(request);
      if (settings.hide_credentials) hide(request);
      if (read === undefined) return unauthorized(exchange, challenge, 'credential_missing');
      return whenThere(tools.records.findBy('basicauth_credentials', 'username', read.username), (row) =>
        whenThere(proven(row, read, tools), (proof): MaybePromise<Authentication> => {
          if (proof === 'rateLimited') return putOff(exchange);
          if (proof === 'failed' || row === undefined) return unauthorized(exchange, challenge, 'credential_invalid');
          return whenThere(callerOf({ id: row.id, identifier: read.username }, consumerIdOf(row), tools), (caller) =>
            caller === undefined ? unauthorized(exchange, challenge, 'credential_invalid') : { caller },
          );
        }),
      );
    });
  },
};

const places = ['proxy-authorization', 'authorization'];

interface Read {
  readonly username: string;
  readonly password: string;
}

/** "a user-id containing a colon character is invalid, as the first colon in a user-pass string separates user-id and password" (RFC 7617 §2). */
function readBasic(request: ProxiedRequest): Read | undefined {
  for (const name of places) {
    const encoded = /^\s*Basic\s*(\S+)\s*$/i.exec(request.header(name) ?? '')?.[1];
    if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) continue;
    const pair = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (colon > 0) return { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  }
  return undefined;
}

function hide(request: ProxiedRequest): void {
  for (const name of places) if (/^\s*Basic\b/i.test(request.header(name) ?? '')) request.removeHeader(name);
}

function proven(row: Entity | undefined, { username, password }: Read, tools: PluginTools) {
  const stored = row?.['password'];
  const credential =
    row !== undefined && typeof stored === 'string'
      ? { credentialId: row.id, consumerId: consumerIdOf(row), stored }
      : undefined;
  return tools.passwords.verify(credential, password, username);
}

function consumerIdOf(row: Entity): string {
  return (row['consumer'] as { readonly id: string }).id;
}

/** Too many passwords wait to be checked. Nothing was tried, so this is no 401. */
function putOff({ request }: Exchange): Authentication {
  const answer = errorResponse(request, 429, 'Too many attempts; try again later', { headers: [['Retry-After', '1']] });
  return { refused: answer, refusal: 'attempts_deferred' };
}

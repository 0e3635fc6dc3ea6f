/** Kong's `basic-auth`: user name and password (RFC 7617), in `Proxy-Authorization` or `Authorization`. */
import { errorResponse } from '../gateway/error-response.ts';
import type { Exchange, PluginTools } from '../gateway/plugin.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';
import { type Entity, referenceIn } from '../ports/entity-store.ts';
import { whenThere } from '../ports/maybe-promise.ts';
import * as auth from './authentication.ts';
import { definePlugin } from './define-plugin.ts';

export const basicAuth = definePlugin({
  name: 'basic-auth',
  priority: 1100,
  authenticates: true,
  settings: {
    anonymous: auth.anonymousField,
    hide_credentials: auth.hideCredentialsField,
    realm: { ...auth.realmField, required: true, default: 'service' },
  },
  compile(settings, _place, tools) {
    const challenge = auth.challengeOf('Basic', settings.realm);
    return auth.authenticating(settings, tools, (exchange) => {
      const { request } = exchange;
      const read = readBasic(request);
      if (settings.hide_credentials) hide(request);
      if (read === undefined) return auth.unauthorized(exchange, challenge, 'credential_missing');
      const invalid = () => auth.unauthorized(exchange, challenge, 'credential_invalid');
      return whenThere(tools.records.findBy('basicauth_credentials', 'username', read.username), (row) =>
        whenThere(verified(row, read, tools), (proof) => {
          if (proof === 'rateLimited') return tooManyAttempts(exchange, 429, 'attempts_rate_limited');
          if (proof === 'busy') return tooManyAttempts(exchange, 503, 'hashes_full');
          if (proof === 'failed' || row === undefined) return invalid();
          return auth.callerOf(row, read.username, invalid, tools);
        }),
      );
    });
  },
});

interface Read {
  readonly username: string;
  readonly password: string;
}

/** "a user-id containing a colon character is invalid, as the first colon in a user-pass string separates user-id and password" (RFC 7617 §2). */
function readBasic(request: ProxiedRequest): Read | undefined {
  for (const name of auth.credentialHeaders) {
    const encoded = /^\s*Basic\s*(\S+)\s*$/i.exec(request.header(name) ?? '')?.[1];
    if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) continue;
    const pair = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (colon > 0) return { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  }
  return undefined;
}

function hide(request: ProxiedRequest): void {
  for (const name of auth.credentialHeaders) {
    if (/^\s*Basic\b/i.test(request.header(name) ?? '')) request.removeHeader(name);
  }
}

function verified(row: Entity | undefined, { username, password }: Read, tools: PluginTools) {
  const stored = row?.['password'];
  const consumerId = row && referenceIn(row, 'consumer');
  const credential =
    row !== undefined && consumerId !== undefined && typeof stored === 'string'
      ? { credentialId: row.id, consumerId, stored }
      : undefined;
  return tools.passwords.verify(credential, password, username);
}

/** Too many passwords wait to be verified. This one was not looked at, so the response is no 401. */
function tooManyAttempts({ request }: Exchange, status: 429 | 503, refusal: RefusalCode): auth.Refused {
  const headers = [['Retry-After', '1']] as const;
  const response = errorResponse(request, status, 'Too many attempts; try again later', { headers });
  return { response, refusal };
}

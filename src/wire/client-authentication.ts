import { formDecode } from '../content/form.ts';
import type { ClientAuthentication } from '../oauth/client.ts';
import type { Profile } from '../oauth/profile.ts';
import type { Refusal } from '../oauth/refusals.ts';
import type { Parameters } from './parameters.ts';

/** The credentials of the client (RFC 6749 §2.3.1), in the header or in the body. */
export function readClientAuthentication(
  profile: Profile,
  parameters: Parameters,
  authorization: string | undefined,
  from: string | undefined,
): ClientAuthentication | Refusal {
  const strict = profile.parameters === 'strict';
  const basic = strict ? readBasicStrictly(authorization, from) : readBasic(authorization, from);
  const clientId = string(parameters.get('client_id'));
  const clientSecret = string(parameters.get('client_secret'));
  if (strict && basic !== undefined) {
    // "The client MUST NOT use more than one authentication method in each request." (RFC 6749 §2.3)
    if (clientSecret !== undefined || (clientId !== undefined && clientId !== basic.clientId)) {
      return { reason: 'client_authentication_repeated' };
    }
    return basic;
  }
  // In Kong both parameters together take precedence over the header; one alone does not.
  if (parameters.has('client_id') && parameters.has('client_secret')) {
    return { method: 'client_secret_post', clientId, clientSecret, from };
  }
  return basic ?? { method: 'none', clientId, clientSecret, from };
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined and encoded in base64. */
function readBasicStrictly(
  authorization: string | undefined,
  from: string | undefined,
): ClientAuthentication | undefined {
  const credentials = /^Basic(?: +(.*))?$/i.exec(authorization ?? '');
  if (credentials === null) return undefined;
  const encoded = /^[A-Za-z0-9+/]+={0,2}$/.exec(credentials[1] ?? '')?.[0] ?? '';
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  // Credentials that cannot be read are still an attempt, without a client.
  if (colon < 1) return { method: 'client_secret_basic', clientId: undefined, clientSecret: undefined, from };
  return {
    method: 'client_secret_basic',
    clientId: formDecode(pair.slice(0, colon)),
    clientSecret: formDecode(pair.slice(colon + 1)),
    from,
  };
}

/** As Kong reads it: any header is an attempt, nothing is decoded, and the text after a second colon is ignored. */
function readBasic(authorization: string | undefined, from: string | undefined): ClientAuthentication | undefined {
  if (authorization === undefined) return undefined;
  const encoded = /[Bb]asic\s*(.+)/.exec(authorization)?.[1];
  const pair = encoded === undefined ? [] : Buffer.from(encoded.trim(), 'base64').toString('utf8').split(':');
  const [clientId, clientSecret] = pair;
  return { method: 'client_secret_basic', clientId, clientSecret, from };
}

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

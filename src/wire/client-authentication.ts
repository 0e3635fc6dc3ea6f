import { formDecode } from '../content/form.ts';
import { type ClientAuthentication, type ClientCredentials, readingsOf } from '../oauth/client.ts';
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
    const meant = readingsOf(basic).filter((reading) => clientId === undefined || reading.clientId === clientId);
    // "The client MUST NOT use more than one authentication method in each request." (RFC 6749 §2.3)
    if (clientSecret !== undefined || meant.length === 0) return { reason: 'client_authentication_repeated' };
    return basicAuthentication(meant, from);
  }
  // In Kong both parameters together take precedence over the header; one alone does not.
  if (parameters.has('client_id') && parameters.has('client_secret')) {
    return { method: 'client_secret_post', clientId, clientSecret, from };
  }
  return basic ?? { method: 'none', clientId, clientSecret, from };
}

function readBasicStrictly(
  authorization: string | undefined,
  from: string | undefined,
): ClientAuthentication | undefined {
  const credentials = /^Basic(?: +(.*))?$/i.exec(authorization ?? '');
  if (credentials === null) return undefined;
  const encoded = /^[A-Za-z0-9+/]+={0,2}$/.exec(credentials[1] ?? '')?.[0] ?? '';
  const [asSent, decoded] = halves(Buffer.from(encoded, 'base64').toString('utf8'));
  // Credentials that cannot be read are still an attempt, without a client.
  if (!asSent?.clientId) return basicAuthentication([], from);
  return basicAuthentication([asSent, decoded!], from);
}

/** As Kong reads it: any header is an attempt, and the text after a second colon is ignored. Then as the RFC reads it. */
function readBasic(authorization: string | undefined, from: string | undefined): ClientAuthentication | undefined {
  if (authorization === undefined) return undefined;
  const encoded = /[Bb]asic\s*(.+)/.exec(authorization)?.[1];
  if (encoded === undefined) return basicAuthentication([], from);
  const pair = Buffer.from(encoded.trim(), 'base64').toString('utf8');
  const [clientId, clientSecret] = pair.split(':');
  return basicAuthentication([{ clientId, clientSecret }, ...halves(pair)], from);
}

/**
 * Both meanings of `id:secret`: as sent (curl, Authlib, axios), and form-decoded (x/oauth2, openid-client). "Clients in
 * possession of a client password MAY use the HTTP Basic authentication scheme [...]. The client identifier is encoded using
 * the "application/x-www-form-urlencoded" encoding algorithm" (RFC 6749 §2.3.1), but many clients do not encode it.
 */
function halves(pair: string): readonly ClientCredentials[] {
  const colon = pair.indexOf(':');
  if (colon < 0) return [];
  const [clientId, clientSecret] = [pair.slice(0, colon), pair.slice(colon + 1)];
  return [
    { clientId, clientSecret },
    { clientId: formDecode(clientId), clientSecret: formDecode(clientSecret) },
  ];
}

function basicAuthentication(readings: readonly ClientCredentials[], from: string | undefined): ClientAuthentication {
  const distinct = new Map(readings.map((one) => [JSON.stringify([one.clientId, one.clientSecret]), one]));
  const [first = unreadable, ...others] = distinct.values();
  const read = { method: 'client_secret_basic', ...first, from } as const;
  return others.length === 0 ? read : { ...read, otherReadings: others };
}

const unreadable: ClientCredentials = { clientId: undefined, clientSecret: undefined };

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

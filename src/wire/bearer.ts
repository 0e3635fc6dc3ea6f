/** The access token of a request (RFC 6750 §2), and the response to a request that is denied (§3). */
import type { AccessOutcome, BearerDenied } from '../access/bearer-token.ts';
import { json, mediaType, multipart, urlencoded } from '../content/media-type.ts';
import type { Profile } from '../oauth/profile.ts';
import { wordsOf } from '../oauth/refusals.ts';
import { type Parameters, parseForm, readParameters } from './parameters.ts';
import { bearerChallenge, type OAuthResponse } from './response.ts';

export interface PresentedToken {
  readonly accessToken: string;
  readonly in: 'header' | 'query' | 'body';
  /** Whether the header has a scheme before the token; Kong accepts a bare token too. */
  readonly scheme: boolean;
}

export type BearerRead = PresentedToken | 'missing' | 'repeated' | 'malformed';

/** Whether the token may be in the body. The body is read only if neither the header nor the query has one. */
export const looksIntoBody = (profile: Profile, method: string, contentType: string | undefined): boolean =>
  profile.parameters === 'lenient' &&
  (method === 'POST' || method === 'PUT' || method === 'PATCH') &&
  [urlencoded, json, multipart].includes(mediaType(contentType));

/** The token in the header or in the query. */
export function readBearer(profile: Profile, authorization: string | undefined, query: string): BearerRead {
  if (profile.parameters === 'strict') return readStrictly(authorization, query);
  const credentials = authorization?.trim() ?? '';
  if (credentials !== '') {
    const named = /^(?:bearer|token)\s+(\S+)$/i.exec(credentials)?.[1];
    return { accessToken: named ?? credentials, in: 'header', scheme: named !== undefined };
  }
  if (authorization !== undefined || !mayName(query)) return 'missing';
  return inParameters(parseForm(query), 'query');
}

/** Whether the query may name a token, so that it has to be parsed. Names may be percent-encoded. */
const mayName = (query: string): boolean =>
  query.includes('access_token') || (query.includes('%') && /(?:^|&)[^=&]*%/.test(query));

// "b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="" (RFC 6750 §2.1)
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/;

function readStrictly(authorization: string | undefined, query: string): BearerRead {
  const inQuery = mayName(query) && parseForm(query).has('access_token');
  if (authorization === undefined) return 'missing'; // a token in the query is ignored (RFC 9700 §4.3.2)
  const named = /^Bearer +(.*)$/i.exec(authorization.trimEnd())?.[1];
  if (named === undefined) return 'missing'; // another scheme
  // "Clients MUST NOT use more than one method to transmit the token in each request." (RFC 6750 §2)
  if (inQuery) return 'repeated';
  return b64token.test(named) ? { accessToken: named, in: 'header', scheme: true } : 'malformed';
}

/** The token in a body that was read because of `looksIntoBody`; without one, what was read `elsewhere`. */
export function readBearerInBody(
  profile: Profile,
  contentType: string | undefined,
  body: Uint8Array,
  elsewhere: BearerRead = 'missing',
): BearerRead {
  const read = readParameters(profile, new Set(), { query: '', contentType, body });
  if ('reason' in read || !read.parameters.has('access_token')) return elsewhere;
  return inParameters(read.parameters, 'body');
}

function inParameters(parameters: Parameters, where: 'query' | 'body'): BearerRead {
  const value = parameters.get('access_token');
  return typeof value === 'string' && value !== '' ? { accessToken: value, in: where, scheme: false } : 'missing';
}

/** RFC 6750 §3.1. The body repeats the challenge for human readers. */
export function deniedResponse(profile: Profile, realm: string | undefined, denied: BearerDenied): OAuthResponse {
  const { error, description } = wordsOf(denied, profile.name);
  const separator = profile.parameters === 'strict' ? ', ' : ' ';
  const refusal =
    denied.detail === undefined ? { reason: denied.reason } : { reason: denied.reason, detail: denied.detail };
  const body = error === '' ? { error_description: description } : { error, error_description: description };
  // "If the request lacks any authentication information [...], the resource server SHOULD NOT include an error code or
  // other error information." (RFC 6750 §3.1)
  if (denied.reason === 'token_missing') {
    const challenge = bearerChallenge(realm, scopeAttribute(denied), separator);
    return { status: 401, headers: [['WWW-Authenticate', challenge]], body, refusal };
  }
  const shown =
    denied.reason === 'token_global' ? wordsOf({ reason: 'token_invalid' }, profile.name).description : description;
  const challenge = bearerChallenge(
    realm,
    [['error', error], ['error_description', shown], ...scopeAttribute(denied)],
    separator,
  );
  const status = denied.reason === 'scope_insufficient' ? 403 : denied.reason === 'token_repeated' ? 400 : 401;
  return { status, headers: [['WWW-Authenticate', challenge]], body, refusal };
}

/** "the resource server MAY include the "scope" attribute with the scope necessary to access the protected resource" (RFC 6750 §3.1) */
function scopeAttribute({ requiredScope }: BearerDenied): readonly (readonly [string, string])[] {
  return requiredScope.length === 0 ? [] : [['scope', requiredScope.join(' ')]];
}

/** How a request without a well-formed token is denied. */
export function deniedRead(
  read: 'missing' | 'repeated' | 'malformed',
  requiredScope: BearerDenied['requiredScope'],
): BearerDenied & AccessOutcome {
  const reason = read === 'missing' ? 'token_missing' : read === 'repeated' ? 'token_repeated' : 'token_invalid';
  return { state: 'denied', reason, requiredScope };
}

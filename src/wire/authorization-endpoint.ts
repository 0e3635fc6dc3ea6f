/** The authorization endpoint on the wire, as Kong has it: the operator's login page sends a POST, and gets the URL to redirect the browser to. */
import type { AuthorizationRequest } from '../authorization/authorization-endpoint.ts';
import type { AuthorizationOutcome } from '../authorization/vocabulary.ts';
import { printForm, queryOf, readForm, withQuery as replaceQuery } from '../content/form.ts';
import type { Issuer } from '../oauth/issuer.ts';
import { type Refusal, wordsOf } from '../oauth/refusals.ts';
import { insecure, refusalBody, refuseMethod, tryLater, unreadBody } from './endpoint.ts';
import { type Parameters, parseForm, readParameters } from './parameters.ts';
import { type EndpointRequest, notStored, type OAuthResponse } from './response.ts';
import type { RequestStamp } from './token-endpoint.ts';

const known: ReadonlySet<string> = new Set([
  'client_id',
  'response_type',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  'provision_key',
  'authenticated_userid',
  'request',
  'request_uri',
]);

export interface ReadAuthorizationCall {
  readonly request: AuthorizationRequest;
  readonly echo: Parameters;
}

export function readAuthorizationCall(
  issuer: Issuer,
  endpoint: EndpointRequest,
  { receivedAt, grantId }: RequestStamp,
): ReadAuthorizationCall | OAuthResponse {
  const wrongMethod = refuseMethod('authorization', issuer, endpoint);
  if (wrongMethod !== undefined) return wrongMethod;
  const read = readParameters(issuer.profile, known, endpoint);
  if ('reason' in read) return directRefusal(issuer, read, new Map());
  const { parameters } = read;
  const plain = insecure(endpoint);
  if (plain !== undefined) return directRefusal(issuer, plain, parameters);
  if (issuer.profile.parameters === 'strict') {
    const object = ['request', 'request_uri'].find((name) => parameters.has(name));
    if (object !== undefined)
      return directRefusal(issuer, { reason: 'parameter_unsupported', detail: object }, parameters);
  }
  return {
    request: {
      issuer,
      clientId: parameters.get('client_id'),
      responseType: parameters.get('response_type'),
      redirectUri: parameters.get('redirect_uri'),
      scope: parameters.get('scope'),
      codeChallenge: parameters.get('code_challenge'),
      codeChallengeMethod: parameters.get('code_challenge_method'),
      provisionKey: parameters.get('provision_key'),
      authenticatedUserid: parameters.get('authenticated_userid'),
      receivedAt,
      grantId,
    },
    echo: parameters,
  };
}

/** RFC 6749 §4.1.2, §4.1.2.1, §4.2.2, as `{ redirect_uri }`: the caller is the login page and not the browser. */
export function authorizationResponse(
  { request, echo }: ReadAuthorizationCall,
  outcome: AuthorizationOutcome,
): OAuthResponse {
  const { issuer } = request;
  const clientId = typeof request.clientId === 'string' ? { clientId: request.clientId } : {};
  if (outcome.state === 'refused') {
    const refusal: Refusal =
      outcome.detail === undefined ? { reason: outcome.reason } : { reason: outcome.reason, detail: outcome.detail };
    // Without a redirect URI the client is not known, and the client_id may be any text.
    if (outcome.redirectUri === undefined) return directRefusal(issuer, refusal, echo);
    const { error, description } = wordsOf(refusal, issuer.profile.name);
    const redirectUri = withQuery(outcome.redirectUri, issuer, echo, [
      ['error', error],
      ['error_description', description],
    ]);
    return { status: 400, headers: notStored, body: { redirect_uri: redirectUri }, refusal, ...clientId };
  }
  if (outcome.state === 'codeGranted') {
    const redirectUri = withQuery(outcome.redirectUri, issuer, echo, [['code', outcome.code]]);
    return { status: 200, headers: notStored, body: { redirect_uri: redirectUri }, ...clientId };
  }
  const { grant, tokens } = outcome;
  const pairs: Pair[] = [
    ['access_token', tokens.accessToken],
    ['token_type', 'bearer'],
  ];
  if (grant.expiresAt !== undefined) {
    pairs.push(['expires_in', String(Math.round((grant.expiresAt - grant.issuedAt) / 1000))]);
  }
  // "The parameters are added to the fragment component of the redirection URI" (RFC 6749 §4.2.2)
  const fragment = encode(sorted([...pairs, ...repeated(issuer, echo)]));
  return {
    status: 200,
    headers: notStored,
    body: { redirect_uri: `${outcome.redirectUri}#${fragment}` },
    issued: 'implicit',
    ...clientId,
  };
}

/** `undefined`: a name without `=`. */
type Pair = readonly [name: string, value: string | undefined];

/** The redirect URI with more parameters in its query, which is otherwise kept (RFC 6749 §3.1.2). */
function withQuery(uri: string, issuer: Issuer, echo: Parameters, more: readonly Pair[]): string {
  const added = [...more, ...repeated(issuer, echo)];
  const names = new Set(added.map(([name]) => name));
  const mark = uri.indexOf('?');
  if (issuer.profile.parameters === 'strict') {
    const base = withoutParameters(uri, names);
    const joint = !base.includes('?') ? '?' : base.endsWith('?') || base.endsWith('&') ? '' : '&';
    return `${base}${joint}${encode(added)}`;
  }
  // Kong writes the query again, sorted by name.
  const kept = mark < 0 ? [] : [...parseForm(uri.slice(mark + 1))].flatMap(([name, value]) => written(name, value));
  return `${mark < 0 ? uri : uri.slice(0, mark)}?${encode(sorted([...kept.filter(([name]) => !names.has(name)), ...added]))}`;
}

/** "Request and response parameters MUST NOT be included more than once." (RFC 6749 §3.1) What stays is kept to the letter. */
function withoutParameters(uri: string, names: ReadonlySet<string>): string {
  const query = readForm(queryOf(uri));
  if (!query.some(({ name }) => names.has(name))) return uri;
  return replaceQuery(uri, printForm(query.filter(({ name }) => !names.has(name))));
}

/** "state REQUIRED if the "state" parameter was present in the client authorization request. The exact value received from the client." (RFC 6749 §4.1.2) */
function repeated(issuer: Issuer, echo: Parameters): readonly Pair[] {
  const state = echo.get('state');
  const pairs: Pair[] = state === undefined ? [] : [...written('state', state)];
  // "the authorization server [...] MUST indicate its identity by including the "iss" parameter" (RFC 9207 §2)
  if (issuer.profile.iss && issuer.identifier !== undefined) pairs.push(['iss', issuer.identifier]);
  return pairs;
}

/** How Kong writes a parameter again: an empty one as its bare name, nested JSON as flat pairs, null as an empty value. */
function written(name: string, value: unknown): readonly Pair[] {
  return value === '' ? [[name, undefined]] : flatten(name, value ?? '');
}

/** The flat pairs that Kong makes of a JSON value: `state[1]`, `state.a`. */
function flatten(name: string, value: unknown): readonly Pair[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => flatten(`${name}[${index + 1}]`, one));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, one]) => flatten(`${name}.${key}`, one));
  }
  return [[name, String(value)]];
}

const sorted = (pairs: readonly Pair[]): readonly Pair[] => [...pairs].sort(([one], [other]) => (one < other ? -1 : 1));

const encode = (pairs: readonly Pair[]): string =>
  pairs
    .map(([name, value]) =>
      value === undefined ? percentEncode(name) : `${percentEncode(name)}=${percentEncode(value)}`,
    )
    .join('&');

/** Encodes everything but letters, digits and `_`, in lower-case hex, as Kong does. */
function percentEncode(text: string): string {
  const octets = Buffer.from(text, 'utf8').toString('latin1');
  return octets.replace(/[^A-Za-z0-9_]/g, (octet) => `%${octet.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** "the authorization server SHOULD inform the resource owner of the error and MUST NOT automatically redirect" (RFC 6749 §4.1.2.1) */
export function directRefusal(
  issuer: Issuer,
  refusal: Refusal & { readonly retryAfter?: number },
  echo: Parameters,
): OAuthResponse {
  const body: Record<string, unknown> = refusalBody(issuer, refusal);
  if (echo.has('state')) body['state'] = echo.get('state');
  return { ...(unreadBody(refusal.reason) ?? tryLater(refusal) ?? { status: 400, headers: notStored }), body, refusal };
}

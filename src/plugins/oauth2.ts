/**
 * Kong's `oauth2` plugin: the endpoints of an authorization server under every route that it protects, and the bearer
 * check for all other requests. It reads and prints; the machines behind `tools.gate` and the endpoints decide.
 */
import type { AccessOutcome } from '../access/bearer-token.ts';
import { queryOf, readForm, withQuery } from '../content/form.ts';
import { json, mediaType, multipart, urlencoded } from '../content/media-type.ts';
import { type Introduction, introduce, introduction } from '../gateway/identity.ts';
import type { AccessDecision, Exchange, PluginPlace, PluginTools } from '../gateway/plugin.ts';
import type { DirectResponse, ProxiedRequest } from '../gateway/proxied-request.ts';
import { boundToAll, boundToService, type Issuer } from '../oauth/issuer.ts';
import { type Profile, profiles } from '../oauth/profile.ts';
import type { Bearer } from '../oauth/tokens.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import {
  type BearerRead,
  deniedRead,
  deniedResponse,
  looksIntoBody,
  readBearer,
  readBearerInBody,
} from '../wire/bearer.ts';
import { isLoopbackCall } from '../wire/loopback.ts';
import type { EndpointRequest } from '../wire/response.ts';
import { isAuthenticated, refuseOrAnonymous } from './authentication.ts';
import { bodyFields } from './body.ts';
import { definePlugin } from './define-plugin.ts';
import { type OAuth2Settings, oauth2Fields, oauth2Rules } from './oauth2-config.ts';
import { jsonResponse } from './responses.ts';

/** What the token endpoint or the authorization endpoint receives from the plugin. */
export interface EndpointHandover {
  readonly issuer: Issuer;
  readonly request: Omit<EndpointRequest, 'body'>;
}

/**
 * Bodies of the endpoints, and bodies that may hold an access token, are read up to this size. A larger one is not read: the
 * endpoint refuses it, and a token in it is not found.
 */
const largestBody = 1_048_576;

export const oauth2 = definePlugin({
  name: 'oauth2',
  priority: 1400,
  authenticates: true,
  settings: oauth2Fields,
  settingsRules: oauth2Rules,
  compile(settings, place, tools) {
    const profile = profiles[settings.profile ?? 'kong'];
    const issuerAt = issuers(settings, profile, place, tools);
    const authenticate = bearerCheck(settings, profile, tools);
    return {
      issues: place.pluginId,
      access(exchange) {
        const endpoint = endpointOf(exchange.path);
        if (endpoint !== undefined) {
          const issuer = issuerAt(exchange.serviceId);
          return {
            handover: endpoint,
            largestBody,
            to: { issuer, request: endpointRequest(settings, exchange, tools) },
          };
        }
        return authenticate(issuerAt(exchange.serviceId), exchange);
      },
    };
  },
});

/** Any path of the route that ends in `/oauth2/token` or `/oauth2/authorize`, with or without a final slash (Kong). */
function endpointOf(path: string): 'token' | 'authorize' | undefined {
  // Most paths end in another letter, and need no regular expression.
  const last = path.charCodeAt(path.length - 1);
  if (last !== 0x2f && last !== 0x6e && last !== 0x65) return undefined;
  const match = /\/oauth2\/(token|authorize)\/?$/.exec(path);
  return match === null ? undefined : match[1] === 'token' ? 'token' : 'authorize';
}

// The endpoints ---------------------------------------------------------------------------------------------------------

function endpointRequest(
  settings: OAuth2Settings,
  exchange: Exchange,
  tools: PluginTools,
): Omit<EndpointRequest, 'body'> {
  const { request } = exchange;
  return {
    method: request.method,
    transport: transportOf(settings, request, tools),
    query: queryOf(request.target),
    contentType: request.header('content-type'),
    authorization: request.header(settings.auth_header_name.toLowerCase()),
    realm: settings.realm ?? undefined,
    from: exchange.clientAddress,
  };
}

function transportOf(
  settings: OAuth2Settings,
  request: ProxiedRequest,
  tools: PluginTools,
): EndpointRequest['transport'] {
  if (request.scheme === 'https') return 'secure';
  if (settings.accept_http_if_already_terminated && request.peerTrusted) {
    const [scheme, another] = request.headerValues('x-forwarded-proto');
    if (another !== undefined || scheme?.includes(',')) return 'ambiguous';
    if (scheme?.trim().toLowerCase() === 'https') return 'secure';
  }
  if (tools.plainHttpTokens !== 'loopback' || request.peerTrusted) return 'plain';
  return isLoopbackCall(request.peer, (name) => request.header(name)) ? 'secure' : 'plain';
}

// The bearer check ------------------------------------------------------------------------------------------------------

/** Authenticates the caller of a request by its access token. */
function bearerCheck(
  settings: OAuth2Settings,
  profile: Profile,
  tools: PluginTools,
): (issuer: Issuer, exchange: Exchange) => MaybePromise<AccessDecision> {
  const header = settings.auth_header_name.toLowerCase();

  function authenticate(issuer: Issuer, exchange: Exchange): MaybePromise<AccessDecision> {
    if (isAuthenticated(exchange, settings.anonymous)) return undefined;
    const { request } = exchange;
    const authorization = request.header(header);
    const read = readBearer(profile, authorization, queryOf(request.target));
    const contentType = request.header('content-type');
    if (authorization !== undefined || !looksIntoBody(profile, request.method, contentType)) {
      return judge(issuer, exchange, read);
    }
    // A token in the body outranks a token in the query (Kong).
    return whenThere(request.readBody(largestBody), (body) =>
      judge(issuer, exchange, body === undefined ? read : readBearerInBody(profile, contentType, body, read)),
    );
  }

  function judge(issuer: Issuer, exchange: Exchange, read: BearerRead): MaybePromise<AccessDecision> {
    if (typeof read === 'string') return deny(exchange, deniedRead(read, []), read);
    const outcome = tools.gate.check({ accessToken: read.accessToken, audience: issuer.audience, requiredScope: [] });
    return whenThere(outcome, (outcome) => {
      if (outcome.state === 'denied') return deny(exchange, outcome, read);
      introduce(exchange, introductionOf(outcome.bearer));
      if (revokes(exchange)) return whenThere(tools.revokeGrant(outcome.bearer.grant, issuer), () => revoked);
      return settings.hide_credentials ? hide(exchange, read) : undefined;
    });
  }

  function deny(
    exchange: Exchange,
    denied: Extract<AccessOutcome, { state: 'denied' }>,
    read: BearerRead,
  ): MaybePromise<AccessDecision> {
    const { status, headers, body } = deniedResponse(profile, settings.realm ?? undefined, denied);
    const refused = { response: jsonResponse(status, body, headers), refusal: denied.reason };
    // Kong refuses a global token even where `anonymous` is set.
    const anonymous = denied.reason === 'token_global' ? null : settings.anonymous;
    return whenThere(refuseOrAnonymous(exchange, refused, anonymous, tools), (response) => {
      // A token that this gate does not know is removed as well (Kong).
      return response !== undefined || !settings.hide_credentials ? response : hide(exchange, read);
    });
  }

  /**
   * Removes the token from what goes upstream, from every place where this profile or the other reads tokens. As in Kong, a
   * query and a form are encoded again if the token came in one of them. A header of another scheme stays.
   */
  function hide({ request, identity }: Exchange, read: BearerRead): MaybePromise<undefined> {
    const isAnonymous = identity?.anonymous === true;
    const isOutsideHeader = read === 'missing' || (typeof read !== 'string' && read.in !== 'header');
    if (!isOutsideHeader) request.removeHeader(settings.auth_header_name);
    const query = queryOf(request.upstreamTarget);
    const came = typeof read === 'string' ? undefined : read.in;
    if (query !== '' && (came === 'query' || came === 'body' || namesToken(query))) {
      request.replaceTarget(withQuery(request.upstreamTarget, withoutToken(query)));
    }
    const contentType = request.header('content-type');
    const isForm = mediaType(contentType) === urlencoded;
    // Kong encodes a form again unless the token came after its scheme in the header. A caller without a valid token may have one in a body
    // that this profile does not read.
    const isRewritten = typeof read !== 'string' && !read.scheme;
    const looks = came === 'body' || (isRewritten && isForm) || (isAnonymous && hasFields(contentType));
    if (!looks || request.method === 'GET') return undefined;
    return whenThere(request.readBody(largestBody), (body) => {
      if (body === undefined || body.length === 0) return undefined;
      if (isForm) {
        const form = Buffer.from(body).toString('utf8');
        if (isRewritten || namesToken(form)) request.replaceBody(Buffer.from(withoutToken(form)));
        return undefined;
      }
      const fields = bodyFields(contentType, body, 'all bodies');
      if (fields?.has('access_token')) {
        fields.remove('access_token');
        request.replaceBody(fields.print());
      }
      return undefined;
    });
  }

  return authenticate;
}

/** `DELETE …/oauth2/tokens`: the bearer of a token may revoke it, and with it all tokens of its grant. */
function revokes({ request, path }: Exchange): boolean {
  return request.method === 'DELETE' && /\/oauth2\/tokens\/?$/.test(path);
}

const revoked: DirectResponse = { status: 204, headers: [['Cache-Control', 'no-store']], body: '' };

/** For each bearer in memory. */
const introductions = new WeakMap<Bearer, Introduction>();

function introductionOf(bearer: Bearer): Introduction {
  const made = introductions.get(bearer);
  if (made !== undefined) return made;
  const { grant, client, consumer } = bearer;
  const making = introduction(
    { consumer, anonymous: false, credential: { id: client.id, identifier: client.clientId } },
    [
      ['X-Authenticated-Scope', grant.accessScope.length === 0 ? undefined : grant.accessScope.join(' ')],
      ['X-Authenticated-Userid', grant.subject],
    ],
  );
  introductions.set(bearer, making);
  return making;
}

function hasFields(contentType: string | undefined): boolean {
  return [urlencoded, json, multipart].includes(mediaType(contentType));
}

function namesToken(form: string): boolean {
  return readForm(form).some(({ name }) => name === 'access_token');
}

/** A form without its `access_token`; the other fields are sorted by name and encoded again, as Kong does. */
function withoutToken(form: string): string {
  return readForm(form)
    .filter(({ name }) => name !== 'access_token')
    .map(({ text }) => text.split(/=(.*)/s, 2).map(encodeAgain))
    .sort(([one], [other]) => (one! < other! ? -1 : one! > other! ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&');
}

function encodeAgain(encoded: string): string {
  const blanks = encoded.replaceAll('+', ' ');
  try {
    return encodeURIComponent(decodeURIComponent(blanks));
  } catch {
    return encoded;
  }
}

// Settings --------------------------------------------------------------------------------------------------------------

function issuers(
  settings: OAuth2Settings,
  profile: Profile,
  place: PluginPlace,
  tools: PluginTools,
): (serviceId: string | undefined) => Issuer {
  const made = new Map<string | undefined, Issuer>();
  return (serviceId) => {
    let issuer = made.get(serviceId);
    if (issuer === undefined) {
      issuer = issuerOf(settings, profile, place, tools, serviceId);
      made.set(serviceId, issuer);
    }
    return issuer;
  };
}

function issuerOf(
  settings: OAuth2Settings,
  profile: Profile,
  place: PluginPlace,
  tools: PluginTools,
  serviceId: string | undefined,
): Issuer {
  const { token_group: group } = settings;
  const bound = group ? `group:${group}` : serviceId === undefined ? '' : boundToService(serviceId);
  return {
    id: place.pluginId,
    profile,
    audience: { boundTo: settings.global_credentials && !group ? boundToAll : bound, serviceId },
    // Kong binds codes of a plugin with global credentials to that plugin.
    codesBoundTo: settings.global_credentials && !group ? `plugin:${place.pluginId}` : bound,
    scopes: settings.scopes ?? undefined,
    defaultScope: settings.token_default_scopes ?? [],
    mandatoryScope: settings.mandatory_scope,
    provisionKey: settings.provision_key,
    accessTokenLifetime: settings.token_expiration * 1000,
    refreshTokenLifetime: settings.refresh_token_ttl * 1000,
    reusesRefreshToken: settings.reuse_refresh_token,
    refreshTokenGrace: (settings.refresh_token_grace ?? 0) * 1000,
    pkce: settings.pkce,
    grantTypes: {
      authorizationCode: settings.enable_authorization_code,
      implicit: settings.enable_implicit_grant,
      clientCredentials: settings.enable_client_credentials,
      password: settings.enable_password_grant,
    },
    limitsFailures: settings.limit_failures ?? profile.limitsFailures,
    identifier: tools.publicUrl,
  };
}

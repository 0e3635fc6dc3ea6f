/**
 * The settings of the oauth2 plugin: those of Kong 3.9.1, and ours, which no response shows until an operator sets them.
 * `enable_password` and one form value `a,b` for `scopes` are accepted, since tutorials in use print them.
 */
import type { CustomEntityCheck, Fields, JsonObject, RecordField } from '../schema/description.ts';
import type { SettingsOf } from '../schema/settings.ts';
import { anonymousField, realmField } from './authentication.ts';

const flows = [
  'enable_authorization_code',
  'enable_implicit_grant',
  'enable_client_credentials',
  'enable_password_grant',
] as const;

export const oauth2Fields = {
  scopes: {
    type: 'array',
    elements: { type: 'string' },
    formSeparator: ',',
    description: 'The scope tokens that clients may request. Null: every scope is accepted, and none is granted.',
  },
  mandatory_scope: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Requires a scope in every request.',
  },
  provision_key: {
    type: 'string',
    required: true,
    unique: true,
    auto: true,
    encrypted: true,
    description: 'The secret that the login page sends to the authorization endpoint. Generated if it is not set.',
  },
  token_expiration: {
    type: 'number',
    required: true,
    default: 7200,
    check: (seconds) => (seconds < 0 ? 'must not be negative; 0 means that tokens never expire' : undefined),
    description: 'Lifetime of access tokens in seconds. 0: they never expire, and there is no refresh token.',
  },
  enable_authorization_code: {
    type: 'boolean',
    required: true,
    default: false,
    defaultAfter: codesForGlobalCredentials,
    description: 'Offers the authorization code grant (RFC 6749 §4.1).',
  },
  enable_implicit_grant: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Offers the implicit grant (RFC 6749 §4.2), which RFC 9700 advises against.',
  },
  enable_client_credentials: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Offers the client credentials grant (RFC 6749 §4.4).',
  },
  enable_password_grant: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Offers the password grant (RFC 6749 §4.3), which RFC 9700 forbids.',
  },
  hide_credentials: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Removes the access token from the request before it goes upstream.',
  },
  accept_http_if_already_terminated: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Accepts plain HTTP if `X-Forwarded-Proto` of a trusted proxy says that the client used HTTPS.',
  },
  anonymous: anonymousField,
  global_credentials: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Tokens are valid at every service whose plugin has this setting, too.',
  },
  auth_header_name: {
    type: 'string',
    default: 'authorization',
    description: 'The header that holds the access token.',
  },
  refresh_token_ttl: {
    type: 'number',
    required: true,
    default: 1209600,
    between: [0, 100_000_000],
    description: 'Lifetime of refresh tokens in seconds. 0: they never expire.',
  },
  reuse_refresh_token: {
    type: 'boolean',
    required: true,
    default: false,
    description:
      'A refresh issues a new access token and keeps the refresh token. Otherwise the refresh token is rotated.',
  },
  pkce: {
    type: 'string',
    required: false,
    one_of: ['none', 'lax', 'strict'],
    default: 'lax',
    description: 'Which clients must use PKCE (RFC 7636). none: no client. lax: public clients. strict: all clients.',
  },
  realm: { ...realmField, required: false },

  profile: {
    type: 'string',
    one_of: ['kong', 'rfc9700'],
    unlessSet: 'absent',
    description: "kong: Kong's responses. rfc9700: current best practice (RFC 9700). Unset: kong.",
  },
  refresh_token_grace: {
    type: 'integer',
    between: [0, 60],
    unlessSet: 'absent',
    description: 'How many seconds a rotated refresh token still returns the same successor.',
  },
  token_default_scopes: {
    type: 'array',
    elements: { type: 'string' },
    formSeparator: ',',
    unlessSet: 'absent',
    description: 'The scope of a request that names none.',
  },
  limit_failures: {
    type: 'boolean',
    unlessSet: 'absent',
    description: 'Rate limits clients that fail to authenticate. Unset: as the profile says.',
  },
  token_group: {
    type: 'string',
    match: { notation: '^[%w_.-]+$', matches: /^[A-Za-z0-9_.-]+$/ },
    unlessSet: 'absent',
    description: 'Plugins of the same group accept the tokens and codes of each other, and no others.',
  },
} as const satisfies Fields;
export type OAuth2Settings = SettingsOf<typeof oauth2Fields>;

export const oauth2Rules: Pick<RecordField, 'entity_checks' | 'aliases' | 'check'> = {
  aliases: { enable_password: { of: 'enable_password_grant' } },
  entity_checks: [
    {
      conditional: {
        if_field: 'mandatory_scope',
        if_match: { eq: true },
        then_field: 'scopes',
        then_match: { required: true },
      },
    },
    { custom_entity_check: retiredGrants() },
    { custom_entity_check: defaultsWithinScopes() },
  ],
  check: (set) =>
    flows.some((flow) => set[flow] === true)
      ? undefined
      : `at least one of these fields must be true: ${flows.join(', ')}`,
};

/**
 * A known configuration protects a WebSocket service with `global_credentials` and enables no grant type, which Kong
 * refuses. It then sends users to /oauth2/authorize, so the authorization code grant is what it needs.
 */
function codesForGlobalCredentials(given: JsonObject): boolean | undefined {
  return given['global_credentials'] === true && flows.every((flow) => given[flow] === undefined) ? true : undefined;
}

// "The resource owner password credentials grant [RFC6749] MUST NOT be used." (RFC 9700 §2.4)
// "In order to avoid these issues, clients SHOULD NOT use the implicit grant" (RFC 9700 §2.1.2)
function retiredGrants(): CustomEntityCheck {
  return {
    field_sources: ['profile', 'enable_implicit_grant', 'enable_password_grant'],
    check: ({ profile, enable_implicit_grant, enable_password_grant }) => {
      if (profile !== 'rfc9700') return undefined;
      const message = 'must be false in the rfc9700 profile';
      return {
        ...(enable_implicit_grant === true ? { enable_implicit_grant: message } : {}),
        ...(enable_password_grant === true ? { enable_password_grant: message } : {}),
      };
    },
  };
}

function defaultsWithinScopes(): CustomEntityCheck {
  return {
    field_sources: ['scopes', 'token_default_scopes'],
    check: ({ scopes, token_default_scopes }: JsonObject) => {
      if (!Array.isArray(scopes) || !Array.isArray(token_default_scopes)) return undefined;
      const missing = token_default_scopes.find((scope) => !scopes.includes(scope));
      return missing === undefined ? undefined : { token_default_scopes: `'${missing}' is not one of the scopes` };
    },
  };
}

/**
 * What an operator may set of the oauth2 plugin: Kong 3.9.1's fields as Kong has them, and ours, which are absent from
 * every answer until somebody sets them. `enable_password` and one form value `a,b` for `scopes` are understood since
 * the tutorials in use print them.
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
    description: 'The scope tokens on offer. Null: every scope is accepted, and none is granted.',
  },
  mandatory_scope: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'A request has to name a scope.',
  },
  provision_key: {
    type: 'string',
    required: true,
    unique: true,
    auto: true,
    encrypted: true,
    description: 'What the login page of the resource owners proves itself with. Made if none is given.',
  },
  token_expiration: {
    type: 'number',
    required: true,
    default: 7200,
    description: 'Lifetime of access tokens in seconds. 0: they never expire, and there is no refresh token.',
  },
  enable_authorization_code: {
    type: 'boolean',
    required: true,
    default: false,
    defaultAfter: codesWhereTokensAreShared,
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
    description: 'Takes the access token out of the request before it goes upstream.',
  },
  accept_http_if_already_terminated: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Takes a request over plain HTTP for secure if a trusted proxy says it came by HTTPS.',
  },
  anonymous: anonymousField,
  global_credentials: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Tokens are good at every service whose plugin says so, too.',
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
    description: 'A refresh gives a new access token and leaves the refresh token as it is.',
  },
  pkce: {
    type: 'string',
    required: false,
    one_of: ['none', 'lax', 'strict'],
    default: 'lax',
    description: 'Who has to prove possession of the code (RFC 7636): nobody, public clients, or everybody.',
  },
  realm: { ...realmField, required: false },

  profile: {
    type: 'string',
    one_of: ['kong', 'rfc9700'],
    unlessSet: 'absent',
    description: "kong: Kong's answers. rfc9700: current best practice (RFC 9700). Unset: kong.",
  },
  refresh_token_grace: {
    type: 'integer',
    between: [0, 60],
    unlessSet: 'absent',
    description: 'Seconds for which a refresh token just used is answered with the same successor again.',
  },
  token_default_scopes: {
    type: 'array',
    elements: { type: 'string' },
    formSeparator: ',',
    unlessSet: 'absent',
    description: 'Granted when a request names no scope.',
  },
  limit_failures: {
    type: 'boolean',
    unlessSet: 'absent',
    description: 'Puts off a client that failed to authenticate too often. Unset: as the profile has it.',
  },
  token_group: {
    type: 'string',
    match: { notation: '^[%w_.-]+$', matches: /^[A-Za-z0-9_.-]+$/ },
    unlessSet: 'absent',
    description: 'Plugins of one group take each other’s tokens and codes, and nobody else’s.',
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
    { custom_entity_check: defaultsOnOffer() },
  ],
  check: (set) =>
    flows.some((flow) => set[flow] === true)
      ? undefined
      : `at least one of these fields must be true: ${flows.join(', ')}`,
};

/**
 * The reference guards a WebSocket service with `global_credentials` and names no grant, which Kong refuses since it
 * offers none by itself. What it goes on to do is to send people to /oauth2/authorize.
 */
function codesWhereTokensAreShared(given: JsonObject): boolean | undefined {
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

function defaultsOnOffer(): CustomEntityCheck {
  return {
    field_sources: ['scopes', 'token_default_scopes'],
    check: ({ scopes, token_default_scopes }: JsonObject) => {
      if (!Array.isArray(scopes) || !Array.isArray(token_default_scopes)) return undefined;
      const missing = token_default_scopes.find((scope) => !scopes.includes(scope));
      return missing === undefined ? undefined : { token_default_scopes: `'${missing}' is not one of the scopes` };
    },
  };
}

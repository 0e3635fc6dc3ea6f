/**
 * A whole gate for the tests of the security checklist: a service for each profile, another service next to them, two
 * confidential clients and a public one. What a test asks is asked over real sockets.
 */
import { createHash } from 'node:crypto';
import { type DirectResponse, openTestGate, type TestGate } from '../support/open-test-gate.ts';

export const profileNames = ['kong', 'rfc9700'] as const;
export type ProfileName = (typeof profileNames)[number];

export const provisionKey = 'the provision key';
export const verifier = 'a'.repeat(43);
export const challenge = createHash('sha256').update(verifier).digest('base64url');
export const s256 = { code_challenge: challenge, code_challenge_method: 'S256' } as const;

export const app = { client_id: 'app', client_secret: 'the secret of app' } as const;
export const other = { client_id: 'other', client_secret: 'the secret of other' } as const;
/** A public client. */
export const phone = { client_id: 'phone' } as const;
export const appUris = ['https://app.example/cb?x=1', 'https://app.example/second'] as const;

type Form = Readonly<Record<string, string>>;

export interface ChecklistGate {
  readonly gate: TestGate;
  token(profile: ProfileName | 'other', form: Form, headers?: Record<string, string>): Promise<DirectResponse>;
  authorize(profile: ProfileName, form: Form): Promise<DirectResponse>;
  /** A code for `client`, with the challenge of `verifier`. */
  code(profile: ProfileName, client: { readonly client_id: string }, more?: Form): Promise<string>;
  redeem(profile: ProfileName, client: Form, code: string, more?: Form): Promise<DirectResponse>;
  /** Tokens that a resource owner has granted to `client`. */
  granted(profile: ProfileName, client: Form, more?: Form): Promise<{ access_token: string; refresh_token: string }>;
  refresh(profile: ProfileName, client: Form, refreshToken: string, more?: Form): Promise<DirectResponse>;
  /** The status of the response of the guarded route. */
  use(profile: ProfileName | 'other', accessToken: string): Promise<number>;
}

export const basic = ({ client_id, client_secret }: { client_id: string; client_secret: string }) => ({
  Authorization: `Basic ${Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64')}`,
});

export async function openChecklistGate(config: Record<string, unknown> = {}): Promise<ChecklistGate> {
  const gate = await openTestGate();
  for (const [name, profile] of [
    ['kong', 'kong'],
    ['rfc9700', 'rfc9700'],
    ['other', 'kong'],
  ] as const) {
    await gate.setUp('POST', '/services', { name, url: gate.upstream });
    await gate.setUp('POST', `/services/${name}/routes`, { paths: [`/${name}`] });
    await gate.setUp('POST', `/services/${name}/plugins`, {
      name: 'oauth2',
      config: {
        profile,
        scopes: ['read', 'write', 'admin'],
        provision_key: provisionKey + (name === 'kong' ? '' : ` of ${name}`),
        enable_authorization_code: true,
        enable_client_credentials: true,
        ...config,
      },
    });
  }
  await gate.setUp('POST', '/consumers', { username: 'ada' });
  for (const [client, more] of [
    [app, { redirect_uris: appUris }],
    [other, { redirect_uris: ['https://other.example/cb'] }],
    [phone, { redirect_uris: ['http://127.0.0.1/cb'], client_type: 'public' }],
  ] as const) {
    await gate.setUp('POST', '/consumers/ada/oauth2', { name: client.client_id, ...client, ...more });
  }

  const token: ChecklistGate['token'] = (profile, form, headers) =>
    gate.post(`/${profile}/oauth2/token`, form as Record<string, string>, headers);
  const authorize: ChecklistGate['authorize'] = (profile, form) =>
    gate.post(`/${profile}/oauth2/authorize`, {
      provision_key: provisionKey + (profile === 'kong' ? '' : ` of ${profile}`),
      authenticated_userid: 'owner-1',
      ...form,
    });
  const code: ChecklistGate['code'] = async (profile, { client_id }, more = {}) => {
    const uri = client_id === 'app' ? { redirect_uri: appUris[0] } : {};
    const { body } = await authorize(profile, { response_type: 'code', client_id, ...uri, ...s256, ...more });
    const found = new URL(body.redirect_uri).searchParams.get('code');
    if (found === null) throw new Error(`no code: ${JSON.stringify(body)}`);
    return found;
  };
  const redeem: ChecklistGate['redeem'] = (profile, client, one, more = {}) => {
    const uri = client['client_id'] === 'app' ? { redirect_uri: appUris[0] } : {};
    return token(profile, {
      grant_type: 'authorization_code',
      ...client,
      ...uri,
      code: one,
      code_verifier: verifier,
      ...more,
    });
  };
  return {
    gate,
    token,
    authorize,
    code,
    redeem,
    async granted(profile, client, more = {}) {
      const one = await code(profile, { client_id: client['client_id']! }, more);
      return (await redeem(profile, client, one)).body;
    },
    refresh: (profile, client, refreshToken, more = {}) =>
      token(profile, { grant_type: 'refresh_token', ...client, refresh_token: refreshToken, ...more }),
    use: async (profile, accessToken) => (await gate.get(`/${profile}/x`, accessToken)).status,
  };
}

/** The error of a refusal, which may come by redirect. */
export function errorOf({ body }: DirectResponse): string | null {
  return body.redirect_uri === undefined ? body.error : new URL(body.redirect_uri).searchParams.get('error');
}

/** Token requests to a whole gate, set up by `guardedApi`. */
import { createHash } from 'node:crypto';
import type { TestGate } from './open-test-gate.ts';

const verifier = 'v'.repeat(43);
const challenge = createHash('sha256').update(verifier).digest('base64url');
const client = { client_id: 'app', client_secret: 's3cret' };

export async function newCode(gate: TestGate): Promise<string> {
  const response = await gate.post('/api/oauth2/authorize', {
    client_id: 'app',
    response_type: 'code',
    provision_key: 'the provision key',
    authenticated_userid: 'ada',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  return new URL(response.body.redirect_uri).searchParams.get('code')!;
}

export const redeem = (gate: TestGate, code: string) =>
  gate.post('/api/oauth2/token', { grant_type: 'authorization_code', ...client, code, code_verifier: verifier });

export const refresh = (gate: TestGate, refreshToken: string) =>
  gate.post('/api/oauth2/token', { grant_type: 'refresh_token', ...client, refresh_token: refreshToken });

export const ofClient = (gate: TestGate) =>
  gate.post('/api/oauth2/token', { grant_type: 'client_credentials', ...client });

/** Repeats a check until it is true; fails after some seconds. */
export async function soon(check: () => Promise<boolean> | boolean, seconds = 5): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`it did not become true within ${seconds} seconds`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

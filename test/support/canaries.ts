/** Secrets that are easily found again, and a look at everything a gate has said and written. */
import type { TestGate } from './open-test-gate.ts';

export const canaries = {
  clientSecret: 'canary.client-secret.7f3a',
  provisionKey: 'canary.provision-key.91bd',
  strictProvisionKey: 'canary.provision-key.c05e',
  accessToken: 'canary.access-token.d24c',
  refreshToken: 'canary.refresh-token.e8b1',
  apiKey: 'canary.api-key.3cc7',
  password: 'canary.password.58ae',
  jwtSecret: 'canary.jwt-secret.a6f2',
  attempt: 'canary.attempt.0b9d',
  verifier: 'canary.code-verifier.43-characters-at-least.46e8',
} as const;

/** The canaries that `text` contains, in any spelling. */
export function canariesIn(text: string, secrets: Iterable<string> = Object.values(canaries)): readonly string[] {
  return [...secrets].filter((secret) => text.includes(secret) || text.includes(encodeURIComponent(secret)));
}

/** Where the Admin API may show a secret: in the rows that hold it. */
const belongs: Readonly<Record<string, readonly RegExp[]>> = {
  [canaries.clientSecret]: [/^\/oauth2$/, /^\/consumers\/[^/]+\/oauth2$/],
  [canaries.provisionKey]: [/\/plugins$/],
  [canaries.strictProvisionKey]: [/\/plugins$/],
  [canaries.accessToken]: [/\/oauth2_tokens$/],
  [canaries.refreshToken]: [/\/oauth2_tokens$/],
  [canaries.apiKey]: [/^\/key-auths$/, /\/key-auth$/],
  [canaries.jwtSecret]: [/^\/jwts$/, /\/jwt$/],
};

/** What the gate says of itself and not of rows. */
const said: readonly string[] = ['/', '/status', '/metrics', '/endpoints', '/plugins/enabled', '/config'];

/** Every list of the Admin API that has no key in its path, and what the gate says of itself. */
export async function listings(gate: TestGate, without: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const { data } = (await gate.setUp('GET', '/endpoints')) as { readonly data: readonly string[] };
  const responses = new Map<string, string>();
  for (const path of data.filter((path) => !path.includes('{') && !without.includes(path))) {
    const response = await fetch(`${gate.admin}${path}?size=1000`);
    if (response.ok) responses.set(path, await response.text());
    else await response.body?.cancel();
  }
  return responses;
}

/** Places where no canary may be: the log, and lists of other rows. */
export async function strays(gate: TestGate, secrets: Iterable<string> = []): Promise<readonly string[]> {
  const all = [...Object.values(canaries), ...secrets];
  // The whole configuration.
  const whole = '/config';
  const found = canariesIn(gate.log.join(''), all).map((secret) => `${secret} in the log`);
  for (const [path, text] of await listings(gate)) {
    for (const secret of canariesIn(text, Object.values(canaries))) {
      if (path !== whole && !belongs[secret]?.some((place) => place.test(path))) found.push(`${secret} in ${path}`);
    }
  }
  return found;
}

/** What is stored, as far as the lists show it. What the gate counts and measures is left out. */
export async function stored(gate: TestGate): Promise<string> {
  const rows = [...(await listings(gate, said))];
  return JSON.stringify(rows.map(([path, text]) => [path, text.replace(/"ttl":\d+/g, '"ttl":0')]));
}

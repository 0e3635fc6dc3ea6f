import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { profiles } from '../src/oauth/profile.ts';
import { type RefusalReason, refusals } from '../src/oauth/refusals.ts';
import { deniedRead, readBearer } from '../src/wire/bearer.ts';
import { unavailable } from '../src/wire/endpoint.ts';
import { refuseHandshake } from '../src/wire/handshake.ts';
import type { EndpointRequest } from '../src/wire/response.ts';
import { call, compiled, pluginWorld } from './plugins/world.ts';
import { edgesOf } from './support/diagram.ts';
import { errorsPage } from './support/errors-page.ts';
import { machines } from './support/machines.ts';
import { authorizationForm, type Form, issuers, makeWorld, now, printer, secretOf } from './support/world.ts';

const root = join(import.meta.dirname, '..');
const reasons = Object.keys(refusals) as RefusalReason[];

describe('docs/errors.md', () => {
  it('is current; if not, run: npm run docs', () => {
    expect(readFileSync(join(root, 'docs/errors.md'), 'utf8')).to.equal(errorsPage());
  });

  it('says what each reason is called in either profile, and what to do about it', () => {
    for (const reason of reasons) {
      const { kong, rfc9700, remedy } = refusals[reason];
      expect(
        [kong.description, rfc9700.description, remedy].every((text) => text.length > 5),
        reason,
      ).to.equal(true);
    }
  });
});

describe('The table of refusals', () => {
  it('has no reason for which nothing is ever refused', async () => {
    const reached = new Set<string | undefined>([...ofMachines(), ...ofTheWire(), ...(await ofThePlugin())]);
    expect(reasons.filter((reason) => !reached.has(reason))).to.deep.equal([]);
  });

  it('has every reason that the core and the oauth2 plugin refuse for', () => {
    const rooms = ['oauth', 'grants', 'authorization', 'access', 'wire', 'driver', 'plugins/oauth2.ts'];
    const used = rooms.flatMap((room) => reasonsIn(join(root, 'src', room)));
    expect(used.length).to.be.greaterThan(50);
    expect([...new Set(used)].filter((reason) => !Object.hasOwn(refusals, reason))).to.deep.equal([]);
  });
});

/** The literals that stand where a reason is said. */
function reasonsIn(path: string): readonly string[] {
  const files = path.endsWith('.ts') ? [path] : readdirSync(path).map((file) => join(path, file));
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:refuse\(|reason: |refusal = )'([^']+)'/g)].map(([, reason]) => reason!),
  );
}

function ofMachines(): readonly string[] {
  return machines.flatMap((machine) => edgesOf(machine).flatMap(({ reasons }) => [...reasons]));
}

/** What is refused before any machine is asked, one request for each. */
function ofTheWire(): readonly (string | undefined)[] {
  const world = makeWorld();
  const token = (form: Form, request?: Partial<EndpointRequest>) =>
    now(world.token(issuers.rfc9700, form, printer, request)).refusal?.reason;
  const authorize = (form: Form) =>
    now(world.authorize(issuers.rfc9700, { ...authorizationForm(printer), ...form })).refusal?.reason;
  const guesses = Array.from(
    { length: 11 },
    () =>
      now(
        world.authorize(
          { ...issuers.rfc9700, limitsFailures: true },
          { ...authorizationForm(printer), provision_key: 'a guess' },
          { from: '192.0.2.1' },
        ),
      ).refusal?.reason,
  );
  const both = readBearer(profiles.rfc9700, 'Bearer abc', 'access_token=abc');
  return [
    token({}, { method: 'GET' }),
    token({}, { transport: 'plain' }),
    token({}, { transport: 'ambiguous' }),
    token({ scope: 'a' }, { contentType: 'text/plain' }),
    token({}, { body: undefined }),
    token({}, { body: 'late' }),
    token({ scope: ['a', 'b'] }),
    token({ client_id: 'printer', client_secret: secretOf(printer) }),
    authorize({ request_uri: 'https://client.example/request' }),
    refuseHandshake(issuers.rfc9700, { method: 'POST', origin: undefined }, undefined)?.refusal?.reason,
    refuseHandshake(issuers.rfc9700, { method: 'GET', origin: 'https://a.example' }, new Set())?.refusal?.reason,
    unavailable.refusal?.reason,
    guesses.at(-1),
    typeof both === 'string' ? deniedRead(both, []).reason : undefined,
  ];
}

/** Refusals of the plugin itself: its anonymous consumer does not exist. */
async function ofThePlugin(): Promise<readonly (string | undefined)[]> {
  const hooks = compiled('oauth2', { enable_client_credentials: true, anonymous: 'missing' }, pluginWorld());
  const { exchange } = await call([hooks], 'GET /a');
  return [exchange.refusal];
}

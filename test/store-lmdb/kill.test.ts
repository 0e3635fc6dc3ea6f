import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import type { LmdbStore } from '../../adapters/store-lmdb/store.ts';
import { noon } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore } from './directory.ts';
import { consumers, credentials, type Step, world } from './writer.ts';

/** The output of a killed writer: for each number, the steps that it had begun and those that were acknowledged. */
type Output = Map<number, { readonly begun: Set<Step>; readonly done: Set<Step> }>;

const clock = { now: () => noon };

describe('A process that is killed during a write', () => {
  after(cleanUp);

  it('TK-26, RF-12: leaves every acknowledged write and no partial one, for a process that runs meanwhile and for a later one', async () => {
    const directory = newDirectory();
    // Open all the time: a killed writer must neither block it nor make it read stale rows.
    const meanwhile = openTestStore(directory, clock);
    const all: Output = new Map();
    for (let round = 0; round < 20; round++) {
      const output = await killedAfter(15 + round * 9, directory, round * 10_000);
      expect(output.size, 'numbers begun').to.be.at.least(6);
      for (const [n, steps] of output) all.set(n, steps);
      for (const [n, steps] of output) await verify(meanwhile, n, steps);
    }
    await meanwhile.close();
    const afterwards = openTestStore(directory, clock);
    for (const [n, steps] of all) await verify(afterwards, n, steps);
  }).timeout(120_000);
});

async function killedAfter(acknowledgements: number, directory: string, from: number): Promise<Output> {
  const writer = spawn(process.execPath, [new URL('writer.ts', import.meta.url).pathname, directory, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(writer, 'close');
  const output: Output = new Map();
  let acknowledged = 0;
  for await (const line of createInterface({ input: writer.stdout })) {
    const [sign, step, number] = line.split(' ') as [string, Step, string];
    const steps = output.get(Number(number)) ?? { begun: new Set(), done: new Set() };
    output.set(Number(number), steps);
    (sign === '=' ? steps.done : steps.begun).add(step);
    if (sign === '=' && ++acknowledged === acknowledgements) writer.kill('SIGKILL');
  }
  await closed;
  expect(writer.signalCode).to.equal('SIGKILL');
  return output;
}

async function verify(
  store: LmdbStore,
  n: number,
  { begun, done }: { begun: Set<Step>; done: Set<Step> },
): Promise<void> {
  const { authorizationCodes, grants, entityStore } = store;
  const { code, redemption, grant, first, next, consumer, credential } = world(n);

  const again = await authorizationCodes.redeem(code, {
    ...redemption,
    attempt: begun.has('redeemed') ? 'another' : 'of the writer',
  });
  if (done.has('redeemed')) expect(again, `code ${n}`).to.include({ outcome: 'replayed' });
  else if (done.has('saved')) expect(again.outcome, `code ${n}`).to.be.oneOf(['redeemed', 'replayed']);

  const isKnown = {
    first: (await grants.byAccessToken(first.accessToken)) !== undefined,
    next: (await grants.byAccessToken(next.accessToken)) !== undefined,
    firstRefresh: (await grants.byRefreshToken(first.refreshToken))?.found,
    nextRefresh: (await grants.byRefreshToken(next.refreshToken))?.found,
    printed: (await grants.get(grant.grantId))?.accessToken,
    listed: (await grants.page({ size: 2, after: undefined, owner: { credentialId: credential.id } })).rows.length,
  };
  const absent = {
    first: false,
    next: false,
    firstRefresh: undefined,
    nextRefresh: undefined,
    printed: undefined,
    listed: 0,
  };
  const opened = { ...absent, first: true, firstRefresh: 'current', printed: first.accessToken, listed: 1 };
  const rotated = {
    ...absent,
    next: true,
    firstRefresh: 'used',
    nextRefresh: 'current',
    printed: next.accessToken,
    listed: 1,
  };
  const possible = [
    ...(done.has('opened') ? [] : [absent]),
    ...(begun.has('opened') && !done.has('rotated') ? [opened] : []),
    ...(begun.has('rotated') && !done.has('revoked') ? [rotated] : []),
    ...(begun.has('revoked') ? [absent] : []),
  ];
  expect(possible, `grant ${n} after ${[...done]}`).to.deep.include(isKnown);
  if (done.has('revoked')) expect(await grants.open(grant, first), `grant ${n}`).to.equal('revoked');

  const rows = {
    consumer: await entityStore.get(consumers, consumer.id),
    byName: await entityStore.getBy(consumers, 'username', consumer['username'] as string),
    credential: await entityStore.get(credentials, credential.id),
    byClientId: await entityStore.getBy(credentials, 'client_id', credential['client_id'] as string),
    owned: (
      await entityStore.page(credentials, {
        size: 2,
        after: undefined,
        where: { field: 'consumer.id', value: consumer.id },
      })
    ).rows,
  };
  const none = { consumer: undefined, byName: undefined, credential: undefined, byClientId: undefined, owned: [] };
  const alone = { ...none, consumer, byName: consumer };
  const both = { ...alone, credential, byClientId: credential, owned: [credential] };
  const possibleRows = [
    ...(done.has('consumer') ? [] : [none]),
    ...(begun.has('consumer') && !done.has('credential') ? [alone] : []),
    ...(begun.has('credential') && !done.has('removed') ? [both] : []),
    ...(begun.has('removed') ? [none] : []),
  ];
  expect(possibleRows, `entities ${n} after ${[...done]}`).to.deep.include(rows);
}

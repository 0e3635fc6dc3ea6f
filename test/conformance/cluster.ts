/**
 * npm run conformance:cluster: two whole gates on one MongoDB database, counted and measured from outside. Prints a
 * table, and exits with a status other than 0 if a figure is not as docs/mongodb.md promises.
 */
import { cleanUp, newDatabase } from '../mongodb/database.ts';
import { layCable } from '../support/cable.ts';
import { newCode, ofClient, redeem, refresh, soon } from '../support/gate-requests.ts';
import { stopMongoServer } from '../support/mongodb.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

const rounds = Number(process.env['PORTCULLIS_RACE_ROUNDS'] ?? 1_000);
const atOnce = 64;
const samples = 200;
const bound = 250;
const failures: string[] = [];

function print(name: string, value: string | number, isAsPromised = true): void {
  console.log(`${name.padEnd(44)} ${String(value).padStart(10)}${isAsPromised ? '' : '   NOT AS PROMISED'}`);
  if (!isAsPromised) failures.push(name);
}

const manyOver = <T>(gates: readonly TestGate[], call: (gate: TestGate) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: atOnce }, (_, n) => call(gates[n % gates.length]!)));

async function raced(
  name: string,
  gates: readonly [TestGate, TestGate],
  round: () => Promise<{ readonly status: number }[]>,
): Promise<void> {
  let winners = 0;
  let violations = 0;
  let errors = 0;
  for (let n = 0; n < rounds; n++) {
    const responses = await round();
    const won = responses.filter(({ status }) => status === 200).length;
    winners += won;
    if (won !== 1) violations++;
    errors += responses.filter(({ status }) => status >= 500).length;
    if (process.stderr.isTTY && n % 10 === 0) process.stderr.write(`\r${name}: ${n} of ${rounds} `);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  print(`${name} raced, ${atOnce} at once over ${gates.length} gates`, rounds);
  print(`${name}: winners`, winners, winners === rounds);
  print(`${name}: violations`, violations, violations === 0);
  print(`${name}: responses 5xx`, errors, errors === 0);
  const reasons = gates.flatMap(({ log }) => log.filter((line) => line.includes('"level":"error"')));
  for (const line of reasons.slice(0, 3)) console.log(line.trim().slice(0, 500));
}

function lags(name: string, all: number[]): void {
  all.sort((one, other) => one - other);
  const at = (share: number) => all[Math.min(all.length - 1, Math.ceil(all.length * share) - 1)]!;
  print(`${name} lag p50, ms`, at(0.5).toFixed(0));
  print(`${name} lag p99, ms (at most ${bound})`, at(0.99).toFixed(0), at(0.99) <= bound);
  print(`${name} lag max, ms`, at(1).toFixed(0));
}

/** Milliseconds from the response of one gate until the change takes effect on the other. */
async function lag(check: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  await soon(check, 10);
  return performance.now() - began;
}

async function main(): Promise<void> {
  const url = await newDatabase();
  const cable = await layCable(url);
  const settings = { PORTCULLIS_STORE_TIMEOUT: '20', PORTCULLIS_LOG_LEVEL: 'silent' };
  const a = await openTestGate({ ...settings, PORTCULLIS_STORE: url });
  const b = await openTestGate({ ...settings, PORTCULLIS_STORE: url });
  /** The gate that loses its database. */
  const c = await openTestGate({ ...settings, PORTCULLIS_STORE: cable.url, PORTCULLIS_STORE_TIMEOUT: '2' });
  try {
    await guardedApi(a);
    await soon(async () => (await b.get('/api/x')).status === 401);
    const both = [a, b] as const;

    await raced('codes', both, async () => {
      const code = await newCode(a);
      return manyOver(both, (gate) => redeem(gate, code));
    });
    await raced('refresh tokens', both, async () => {
      const first = await redeem(b, await newCode(a));
      return manyOver(both, (gate) => refresh(gate, first.body.refresh_token));
    });

    const atOnceAdmitted: number[] = [];
    for (let n = 0; n < samples; n++) {
      const { body } = await ofClient(a);
      atOnceAdmitted.push((await b.get('/api/x', body.access_token)).status);
    }
    const refused = atOnceAdmitted.filter((status) => status !== 200).length;
    print('tokens issued on A and rejected by B', refused, refused === 0);

    const revocations: number[] = [];
    for (let n = 0; n < samples; n++) {
      const { body } = await redeem(a, await newCode(a));
      const token = body.access_token;
      await b.get('/api/x', token);
      // After this response the earlier token is revoked.
      await refresh(a, body.refresh_token);
      revocations.push(await lag(async () => (await b.get('/api/x', token)).status === 401));
    }
    lags('revocation', revocations);

    const changes: number[] = [];
    for (let n = 0; n < samples; n++) {
      await a.setUp('POST', '/services/api/routes', { name: `r${n}`, paths: [`/r${n}`] });
      changes.push(await lag(async () => (await b.get(`/r${n}`)).status !== 404));
      await a.setUp('DELETE', `/routes/r${n}`);
    }
    lags('configuration', changes);

    await outage(a, c, cable);
  } finally {
    await a.close();
    await b.close();
    await c.close();
    cable.close();
    await cleanUp();
    await stopMongoServer();
  }
}

/** Gate B loses its database for three seconds, while it receives known, revoked and invented tokens. */
async function outage(a: TestGate, b: TestGate, cable: Awaited<ReturnType<typeof layCable>>): Promise<void> {
  const revokedBefore: string[] = [];
  const unknown: string[] = [];
  const known: string[] = [];
  for (let n = 0; n < 20; n++) {
    const first = (await redeem(a, await newCode(a))).body;
    await refresh(a, first.refresh_token);
    revokedBefore.push(first.access_token);
    unknown.push((await ofClient(a)).body.access_token);
    known.push((await ofClient(a)).body.access_token);
  }
  await soon(async () => (await b.get('/api/x', revokedBefore.at(-1)!)).status === 401);

  // A token that is read while an announcement arrives is not remembered: wait until all have arrived.
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const token of known) await b.get('/api/x', token);

  let [errors, wrongAccepts, knownRefused, wrong401, issued] = [0, 0, 0, 0, 0];
  cable.cut();
  const until = performance.now() + 3_000;
  while (performance.now() < until) {
    const [good, bad, fresh, invented, token] = await Promise.all([
      Promise.all(known.map((one) => b.get('/api/x', one))),
      Promise.all(revokedBefore.map((one) => b.get('/api/x', one))),
      Promise.all(unknown.map((one) => b.get('/api/x', one))),
      b.get('/api/x', 'invented'),
      ofClient(b),
    ]);
    knownRefused += good.filter(({ status }) => status !== 200).length;
    for (const { status } of [...bad, ...fresh, invented]) {
      if (status === 503) errors++;
      else if (status === 401) wrong401++;
      else if (status < 400) wrongAccepts++;
    }
    if (token.status === 200) issued++;
    else errors++;
  }
  cable.repair();
  const recovery = await lag(async () => (await b.get('/api/x', unknown[0]!)).status === 200);
  for (const token of revokedBefore) if ((await b.get('/api/x', token)).status === 200) wrongAccepts++;
  print('errors during an outage (503)', errors, errors > 0);
  print('outage: known tokens rejected', knownRefused, knownRefused === 0);
  print('outage: unknown tokens with 401', wrong401, wrong401 === 0);
  print('outage: tokens issued', issued, issued === 0);
  print('outage: recovery, ms', recovery.toFixed(0));
  print('wrong accepts', wrongAccepts, wrongAccepts === 0);
}

await main();
if (failures.length > 0) {
  console.log(`\nnot as promised: ${failures.join('; ')}`);
  process.exitCode = 1;
}

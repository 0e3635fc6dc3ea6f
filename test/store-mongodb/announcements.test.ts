import { expect } from 'chai';
import fc from 'fast-check';
import { inProcessAnnouncements } from '../../adapters/announcements/in-process.ts';
import { type SharedOptions, sharedAnnouncements } from '../../adapters/store-mongodb/announcements.ts';
import type { Event, EventLog } from '../../adapters/store-mongodb/events.ts';
import type { Bearer, Grant } from '../../src/oauth/tokens.ts';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { rememberedBearers } from '../../src/records/bearers.ts';

const changed = (grantId: string): Announcement => ({ announces: 'grantChanged', grantId });
const everything: Announcement = { announces: 'everythingChanged' };

/** The collection of events. An event gets its time when its write begins, and is visible when its write ends. */
function eventLog(becomesVisible: () => Promise<void> = async () => {}): EventLog & { state: 'there' | 'gone' } {
  let time = 1_000;
  const rows: Event[] = [];
  const log: EventLog & { state: 'there' | 'gone' } = {
    state: 'there',
    async write(id, announcements) {
      if (log.state === 'gone') throw new Unavailable('gone');
      const at = ++time;
      await becomesVisible();
      rows.push({ id, at, announcements });
    },
    async read(since, known) {
      if (log.state === 'gone') throw new Unavailable('gone');
      return rows.filter(({ id, at }) => at >= since && !known.includes(id)).sort((one, other) => one.at - other.at);
    },
    now: async () => time,
  };
  return log;
}

async function node(events: EventLog, options: Partial<SharedOptions> = {}) {
  const local = inProcessAnnouncements();
  const received: Announcement[] = [];
  let fails = false;
  local.subscribe((announcement) => {
    if (fails) throw new Unavailable('cannot be read');
    received.push(announcement);
  });
  const shared = await sharedAnnouncements({ events, local, stalenessLimit: 30_000, ...options });
  return {
    ...shared,
    received,
    local,
    fail(really: boolean) {
      fails = really;
    },
  };
}

/** A process with its clock and its timers, which stand still while it is stopped. */
function stoppableProcess() {
  let at = 0;
  const timers = new Set<{ due: number; readonly every: number | undefined; readonly run: () => void }>();
  const add = (milliseconds: number, every: number | undefined, run: () => void) => {
    const timer = { due: at + milliseconds, every, run };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const runDue = async () => {
    for (const timer of [...timers]) {
      if (timer.due > at) continue;
      if (timer.every === undefined) timers.delete(timer);
      else timer.due = at + timer.every;
      timer.run();
      for (let n = 0; n < 5; n++) await new Promise(setImmediate);
    }
  };
  return {
    options: {
      now: () => at,
      timers: {
        every: (milliseconds: number, run: () => void) => add(milliseconds, milliseconds, run),
        after: (milliseconds: number, run: () => void) => add(milliseconds, undefined, run),
      },
    },
    runDue,
    async runs(milliseconds: number) {
      for (const end = at + milliseconds; at < end; ) {
        at += 50;
        await runDue();
      }
    },
    /** No timer runs meanwhile; afterwards, what is due runs only with `runDue`. */
    isStopped(milliseconds: number) {
      at += milliseconds;
    },
  };
}

describe('Announcements among nodes', () => {
  it('applies its own announcement at once; the other nodes receive it once', async () => {
    const events = eventLog();
    const [a, b] = [await node(events), await node(events)];
    await a.publish(changed('one'));
    expect(a.received).to.deep.equal([changed('one')]);
    for (let n = 0; n < 3; n++) {
      await b.poll();
      await a.poll();
    }
    expect(b.received).to.deep.equal([changed('one')]);
    expect(a.received).to.deep.equal([changed('one')]);
  });

  it('writes announcements that arrive together as one event', async () => {
    const events = eventLog();
    let writes = 0;
    const counting: EventLog = {
      ...events,
      write(id, announcements) {
        writes++;
        return events.write(id, announcements);
      },
    };
    const [a, b] = [await node(counting), await node(events)];
    const ids = Array.from({ length: 900 }, (_, n) => String(n));
    await Promise.all(ids.map((id) => a.publish(changed(id))));
    expect(writes).to.be.at.most(3);
    await b.poll();
    expect(b.received).to.deep.equal(ids.map(changed));
  });

  it('rejects an announcement that cannot be written, and writes it for the others as soon as it can', async () => {
    const events = eventLog();
    const [a, b] = [await node(events), await node(events)];
    events.state = 'gone';
    const error = await Promise.resolve(a.publish(changed('one'))).catch((error: unknown) => error);
    expect(error).to.be.instanceOf(Unavailable);
    expect(a.received, 'applied here all the same').to.deep.equal([changed('one')]);
    events.state = 'there';
    await a.poll();
    await b.poll();
    expect(b.received).to.deep.equal([changed('one')]);
  });

  it('a node that could not read for longer than the window clears its caches', async () => {
    const events = eventLog();
    let now = 0;
    const b = await node(events, { now: () => now, window: 5_000 });
    now = 5_000;
    await b.poll();
    expect(b.received).to.deep.equal([]);
    events.state = 'gone';
    now = 9_000;
    await b.poll().catch(() => undefined);
    events.state = 'there';
    now = 10_001;
    await b.poll();
    await b.poll();
    expect(b.received).to.deep.equal([everything]);
  });

  it('a node that could not apply what it read clears its caches as soon as it can', async () => {
    const events = eventLog();
    const [a, b] = [await node(events), await node(events)];
    await a.publish(changed('one'));
    b.fail(true);
    for (let n = 0; n < 2; n++) expect(await b.poll().catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    b.fail(false);
    await b.poll();
    await b.poll();
    expect(b.received).to.deep.equal([everything]);
  });

  it('is fresh until no read succeeded within the limit, and again after the next one', async () => {
    const events = eventLog();
    let now = 0;
    const b = await node(events, { now: () => now, stalenessLimit: 30_000 });
    events.state = 'gone';
    now = 30_000;
    await b.poll().catch(() => undefined);
    expect(b.isFresh()).to.equal(true);
    now = 30_001;
    expect(b.isFresh()).to.equal(false);
    events.state = 'there';
    await b.poll();
    expect(b.isFresh()).to.equal(true);
  });

  it('calls onChange once when the database cannot be read, and once when it can be read again', async () => {
    const events = eventLog();
    const states: string[] = [];
    const b = await node(events, { onChange: (state) => void states.push(state) });
    events.state = 'gone';
    for (let n = 0; n < 9; n++) await b.poll().catch(() => undefined);
    events.state = 'there';
    for (let n = 0; n < 3; n++) await b.poll();
    expect(states).to.deep.equal(['stale', 'current']);
  });
});

/** Several nodes write at the same time while another one reads. Whether it received everything in the end. */
async function receivesAll(s: fc.Scheduler, window: number): Promise<boolean> {
  const events = eventLog(() => s.schedule(Promise.resolve(), 'becomes visible'));
  const reader = await node(events, { window });
  const ids = ['one', 'two', 'three', 'four', 'five'];
  const reading = async () => {
    for (let n = 0; n < 4; n++) {
      await s.schedule(Promise.resolve(), 'reads');
      await reader.poll();
    }
  };
  await s.waitFor(Promise.all([reading(), ...ids.map((id) => events.write(`x/${id}`, [changed(id)]))]));
  await reader.poll();
  return ids.every((id) => reader.received.some((one) => one.announces === 'grantChanged' && one.grantId === id));
}

interface Cache {
  find(accessToken: string): MaybePromise<Bearer | undefined>;
  apply(announcement: Announcement): void;
}
type MakeCache = (grants: { byAccessToken(token: string): Promise<Bearer['grant'] | undefined> }) => Cache;

const grant: Grant = {
  grantId: 'one',
  credentialId: 'client',
  subject: 'ada',
  scope: [],
  tokenStorage: 'digest',
  grantedAt: 0,
  generation: 1,
  boundTo: 'global',
  serviceId: undefined,
  accessScope: [],
  issuedAt: 0,
  expiresAt: undefined,
  refreshExpiresAt: undefined,
};
const kind = (name: string) => ({ name, unique: [], uniqueTogether: [], foreign: [], encrypted: () => [] });
const kinds = { clients: kind('oauth2_credentials'), consumers: kind('consumers') };
const careful: MakeCache = (grants) =>
  rememberedBearers(
    { grants, clock: { now: () => 0 }, store: { get: (_, id) => ({ id, consumer: { id: 'consumer' } }) } },
    kinds,
  );

/** Remembers what it read, even if something was announced since the read began. */
const careless: MakeCache = (grants) => {
  const remembered = new Map<string, Bearer>();
  return {
    async find(token) {
      const known = remembered.get(token);
      if (known !== undefined) return known;
      const found = await grants.byAccessToken(token);
      if (found === undefined) return undefined;
      const bearer = { grant: found } as Bearer;
      remembered.set(token, bearer);
      return bearer;
    },
    apply: () => remembered.clear(),
  };
};

/** One node revokes a grant while another one looks its token up. Whether the other admits it afterwards. */
async function admittedAfterwards(s: fc.Scheduler, make: MakeCache): Promise<boolean> {
  const events = eventLog();
  let isRevoked = false;
  const cache = make({
    async byAccessToken() {
      await s.schedule(Promise.resolve(), 'the query arrives');
      const found = isRevoked ? undefined : grant;
      return s.schedule(Promise.resolve(found), 'the result arrives');
    },
  });
  const [a, b] = [await node(events), await node(events)];
  b.subscribe(cache.apply);
  const revoking = async () => {
    await s.schedule(Promise.resolve(), 'the revocation is written');
    isRevoked = true;
    await a.publish(changed(grant.grantId));
  };
  const polling = async () => {
    for (let n = 0; n < 3; n++) {
      await s.schedule(Promise.resolve(), 'polls');
      await b.poll();
    }
  };
  await s.waitFor(Promise.all([cache.find('token'), revoking(), polling(), cache.find('token')]));
  await b.poll();
  return (await s.waitFor(Promise.resolve(cache.find('token')))) !== undefined;
}

describe('Announcements among nodes, in every order', () => {
  it('RS-16: no announcement is missed, however late a write becomes visible', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        expect(await receivesAll(s, 5_000)).to.equal(true);
      }),
    ));

  it('RS-16, RV-05: a token that one node revoked is not remembered by another, whenever that one looked it up', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        expect(await admittedAfterwards(s, careful)).to.equal(false);
      }),
    ));
});

describe('These tests of announcements would catch', () => {
  it('a read that does not look back', async () => {
    const property = fc.asyncProperty(fc.scheduler(), async (s) => {
      expect(await receivesAll(s, 0)).to.equal(true);
    });
    expect((await fc.check(property)).failed).to.equal(true);
  });

  it('a cache that keeps what was read before an announcement', async () => {
    const property = fc.asyncProperty(fc.scheduler(), async (s) => {
      expect(await admittedAfterwards(s, careless)).to.equal(false);
    });
    expect((await fc.check(property)).failed).to.equal(true);
  });
});

describe('A node that was stopped for a while', () => {
  async function world() {
    const events = eventLog();
    const stopped = stoppableProcess();
    const other = await node(events);
    const here = await node(events, stopped.options);
    here.start();
    await stopped.runs(1_000);
    return { events, stopped, other, here };
  }

  it('does not use its caches until it has read what was announced meanwhile', async () => {
    const { stopped, other, here } = await world();
    expect(here.isFresh()).to.equal(true);
    stopped.isStopped(10_000);
    await other.publish(changed('revoked'));
    expect(here.isFresh(), 'for a request that is handled before any timer').to.equal(false);
    await stopped.runDue();
    expect(here.received).to.deep.include(changed('revoked'));
    expect(here.isFresh(), 'after the read').to.equal(true);
  });

  it('notices it by the timer as well, if the timer runs before the first request', async () => {
    const { events, stopped, here } = await world();
    stopped.isStopped(10_000);
    events.state = 'gone';
    await stopped.runDue();
    expect(here.isFresh()).to.equal(false);
    await stopped.runs(500);
    expect(here.isFresh(), 'the store cannot be read').to.equal(false);
    events.state = 'there';
    await stopped.runs(500);
    expect(here.isFresh()).to.equal(true);
  });

  it('does not trust a read that began before', async () => {
    let release = (): void => undefined;
    const events = eventLog();
    let isHeld = false;
    const held: EventLog = {
      ...events,
      async read(since, known) {
        const found = await events.read(since, known);
        if (isHeld) await new Promise<void>((resolve) => (release = resolve));
        return found;
      },
    };
    const stopped = stoppableProcess();
    const other = await node(events);
    const here = await node(held, stopped.options);
    here.start();
    await stopped.runs(1_000);
    isHeld = true;
    await stopped.runs(200);
    stopped.isStopped(10_000);
    await other.publish(changed('revoked'));
    isHeld = false;
    release();
    for (let n = 0; n < 5; n++) await new Promise(setImmediate);
    expect(here.isFresh()).to.equal(false);
    await stopped.runs(500);
    expect(here.isFresh()).to.equal(true);
    expect(here.received).to.deep.include(everything);
  });

  it('reads the store for each of 20 calls with a remembered token that waited', async () => {
    const { stopped, here } = await world();
    let isRevoked = false;
    let reads = 0;
    const grant = { grantId: 'g', credentialId: 'c', expiresAt: undefined } as unknown as Grant;
    const bearers = rememberedBearers(
      {
        grants: {
          byAccessToken: () => {
            reads++;
            return isRevoked ? undefined : grant;
          },
        },
        store: { get: (_kind, id) => ({ id, consumer: { id: 'owner' } }) as never },
        clock: { now: () => 0 },
      },
      { clients: { name: 'clients' } as never, consumers: { name: 'consumers' } as never },
      100,
      { ...here, readAgainAfter: 60_000 },
    );
    here.local.subscribe(bearers.apply);
    expect(await bearers.find('token')).to.not.equal(undefined);
    expect(await bearers.find('token')).to.not.equal(undefined);
    expect(reads).to.equal(1);
    stopped.isStopped(10_000);
    isRevoked = true;
    const waiting = await Promise.all(Array.from({ length: 20 }, () => bearers.find('token')));
    expect(waiting).to.deep.equal(Array(20).fill(undefined));
  });

  it('uses its caches on through an outage of the store, up to the staleness limit', async () => {
    const { events, stopped, here } = await world();
    events.state = 'gone';
    await stopped.runs(29_000);
    expect(here.isFresh()).to.equal(true);
    await stopped.runs(2_000);
    expect(here.isFresh()).to.equal(false);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { inProcessAnnouncements } from '../../adapters/announcements/in-process.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { Bearer, Grant } from '../../src/oauth/tokens.ts';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import type { RotationAttempt } from '../../src/ports/grants.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { announcingEntityStore, announcingGrants } from '../../src/records/announcing.ts';
import { rememberedBearers } from '../../src/records/bearers.ts';
import { noon, testClock } from '../contract/clock.ts';

const kinds: { readonly clients: EntityKind; readonly consumers: EntityKind } = {
  consumers: { name: 'consumers', unique: ['username'], uniqueTogether: [], foreign: [], encrypted: () => [] },
  clients: {
    name: 'oauth2_credentials',
    unique: ['client_id'],
    uniqueTogether: [],
    foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
    encrypted: () => [],
  },
};

const hour = 3_600_000;
const grantOf = (n: number, changes: Partial<Grant> = {}): Grant => ({
  grantId: `grant-${n}`,
  credentialId: 'client',
  subject: 'ada',
  scope: [],
  tokenStorage: 'digest',
  grantedAt: noon,
  generation: 1,
  boundTo: 'global',
  serviceId: undefined,
  accessScope: [],
  issuedAt: noon,
  expiresAt: noon + hour,
  refreshExpiresAt: noon + hour,
  ...changes,
});
const pairOf = (n: number) => ({ accessToken: `access-${n}`, refreshToken: `refresh-${n}` });
const rotation = (n: number): RotationAttempt => ({
  attempt: `attempt ${n}`,
  at: noon,
  credentialId: 'client',
  from: undefined,
  boundTo: 'global',
  serviceId: undefined,
  tokens: { accessToken: `next-${n}`, refreshToken: `next-refresh-${n}` },
  accessScope: [],
  expiresAt: noon + hour,
  refreshExpiresAt: noon + hour,
  grace: 0,
});

/** Everything in memory, and a count of what was read from the stores. */
function world(limit?: number) {
  const clock = testClock();
  const announcements = inProcessAnnouncements();
  const [plainGrants, plainStore] = [memoryGrants(clock), memoryEntityStore()];
  const reads: string[] = [];
  const bearers = rememberedBearers(
    {
      clock,
      grants: {
        byAccessToken(accessToken) {
          reads.push(accessToken);
          return plainGrants.byAccessToken(accessToken);
        },
      },
      store: plainStore,
    },
    kinds,
    limit,
  );
  announcements.subscribe(bearers.apply);
  const grants = announcingGrants(plainGrants, announcements);
  const store = announcingEntityStore(plainStore, announcements);
  void store.insert(kinds.consumers, { id: 'consumer', username: 'alice', custom_id: null });
  void store.insert(kinds.clients, {
    id: 'client',
    client_id: 'app',
    name: 'App',
    client_type: 'confidential',
    redirect_uris: null,
    consumer: { id: 'consumer' },
  });
  const open = (n: number, changes: Partial<Grant> = {}) => void grants.open(grantOf(n, changes), pairOf(n));
  return { clock, announcements, bearers, grants, store, reads, open };
}

describe('Bearers', () => {
  it('are returned with their grant, client and consumer, and the next time from memory, without a promise', () => {
    const { bearers, reads, open } = world();
    open(1);
    const bearer = bearers.find('access-1');
    expect(bearer).to.deep.equal({
      grant: grantOf(1),
      client: {
        id: 'client',
        clientId: 'app',
        name: 'App',
        type: 'confidential',
        redirectUris: undefined,
        consumerId: 'consumer',
      },
      consumer: { id: 'consumer', username: 'alice', customId: undefined },
    });
    expect(bearers.find('access-1')).to.equal(bearer);
    expect(reads).to.deep.equal(['access-1']);
  });

  it('are not mixed up if their tokens have the same key in memory, which the later one gets', () => {
    const { bearers, grants } = world();
    // Two words that FNV-1a makes the same number of.
    const words = ['costarring', 'liquid'] as const;
    for (const [n, accessToken] of words.entries()) {
      void grants.open(grantOf(n), { accessToken, refreshToken: undefined });
    }
    const grantIdOf = (accessToken: string) => (bearers.find(accessToken) as Bearer | undefined)?.grant.grantId;
    for (let round = 0; round < 2; round++) expect(words.map(grantIdOf)).to.deep.equal(['grant-0', 'grant-1']);
    expect(bearers.remembered).to.equal(1);
    void grants.revoke('grant-1', undefined);
    expect(words.map(grantIdOf)).to.deep.equal(['grant-0', undefined]);
  });

  it('RS-18: that are unknown are looked up each time', () => {
    const { bearers, reads, open } = world();
    for (let n = 0; n < 3; n++) expect(bearers.find('access-1')).to.equal(undefined);
    expect(reads).to.have.length(3);
    open(1);
    expect(bearers.find('access-1')).to.not.equal(undefined);
    expect(bearers.remembered).to.equal(1);
  });

  const changes: [string, (world: ReturnType<typeof setUp>) => unknown, boolean][] = [
    ['the grant is ended', ({ grants }) => grants.revoke('grant-1', undefined), false],
    ['the grant is rotated', ({ grants }) => grants.rotate('refresh-1', rotation(1)), false],
    [
      'an operator gives the grant another token',
      ({ grants }) => grants.replace(grantOf(1), { accessToken: 'x', refreshToken: undefined }),
      false,
    ],
    ['the grants of the client are removed', ({ grants }) => grants.removeOf([{ credentialId: 'client' }]), false],
    ['the client is removed', ({ store }) => store.remove(kinds.clients, 'client'), false],
    [
      'the consumer is removed, and the client with it',
      ({ store }) => store.remove(kinds.consumers, 'consumer'),
      false,
    ],
    [
      'the client is changed',
      ({ store }) => store.replace(kinds.clients, { id: 'client', client_id: 'renamed', consumer: { id: 'consumer' } }),
      true,
    ],
    [
      'the consumer is changed',
      ({ store }) => store.replace(kinds.consumers, { id: 'consumer', username: 'bob' }),
      true,
    ],
    ['something was missed', ({ announcements }) => announcements.publish({ announces: 'everythingChanged' }), true],
  ];
  function setUp() {
    const made = world();
    made.open(1);
    made.bearers.find('access-1');
    return made;
  }
  for (const [what, change, survives] of changes) {
    it(`RS-16, CA-12: are forgotten when ${what}`, () => {
      const made = setUp();
      expect(made.bearers.remembered).to.equal(1);
      change(made);
      expect(made.bearers.remembered).to.equal(0);
      const bearer = made.bearers.find('access-1');
      expect(bearer !== undefined).to.equal(survives);
      expect(made.reads).to.have.length(2);
    });
  }

  it('stay in memory when another row changes', () => {
    const { bearers, grants, store, reads, open } = setUp();
    open(2);
    void grants.revoke('grant-2', undefined);
    void store.insert(kinds.consumers, { id: 'other', username: 'carol' });
    void store.remove(kinds.consumers, 'other');
    bearers.find('access-1');
    expect(reads).to.deep.equal(['access-1']);
  });

  it('RS-16: that are read during an announcement are returned, but not remembered', () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom('grant', 'client', 'consumer'), fc.boolean(), async (during, isAnnounced) => {
        const clock = testClock();
        const answers: (() => void)[] = [];
        const held = <T>(value: T, which: string): T | Promise<T> =>
          which === during ? new Promise((resolve) => answers.push(() => resolve(value))) : value;
        const bearers = rememberedBearers(
          {
            clock,
            grants: { byAccessToken: () => held(grantOf(1), 'grant') },
            store: {
              get: ({ name }) =>
                name === 'consumers'
                  ? held({ id: 'consumer', username: 'alice' }, 'consumer')
                  : held({ id: 'client', client_id: 'app', consumer: { id: 'consumer' } }, 'client'),
            },
          },
          kinds,
        );
        const finding = bearers.find('access-1');
        const announcement: Announcement = { announces: 'grantChanged', grantId: 'grant-1' };
        if (isAnnounced) bearers.apply(announcement);
        for (const answer of answers) answer();
        expect(await finding).to.nested.include({ 'consumer.username': 'alice' });
        expect(bearers.remembered).to.equal(isAnnounced ? 0 : 1);
      }),
    ));

  it('are remembered up to a limit; those used most recently stay longest', () => {
    const { bearers, reads, open } = world(100);
    for (let n = 0; n < 100; n++) {
      open(n);
      bearers.find(`access-${n}`);
    }
    for (let n = 0; n < 20; n++) bearers.find(`access-${n}`);
    for (let n = 100; n < 150; n++) {
      open(n);
      bearers.find(`access-${n}`);
      expect(bearers.remembered).to.be.at.most(100);
    }
    reads.length = 0;
    for (let n = 0; n < 20; n++) bearers.find(`access-${n}`);
    expect(reads).to.deep.equal([]);
  });

  it('are remembered up to the limit even if all of them are in use', () => {
    const { bearers, open } = world(50);
    for (let n = 0; n < 200; n++) {
      open(n);
      for (let earlier = 0; earlier <= n; earlier++) bearers.find(`access-${earlier}`);
      expect(bearers.remembered).to.be.at.most(50);
    }
  });

  it('that have expired are evicted when new ones come', () => {
    const { bearers, clock, open } = world();
    for (let n = 0; n < 50; n++) {
      open(n);
      bearers.find(`access-${n}`);
    }
    clock.set(noon + hour);
    for (let n = 50; n < 100; n++) {
      open(n, { expiresAt: noon + 2 * hour, refreshExpiresAt: noon + 2 * hour });
      bearers.find(`access-${n}`);
    }
    expect(bearers.remembered).to.equal(50);
  });
});

describe('Stores that announce', () => {
  it('announce neither writes that failed nor new rows', () => {
    const { announcements, grants, store } = world();
    const received: Announcement[] = [];
    announcements.subscribe((announcement) => void received.push(announcement));
    void grants.open(grantOf(1), pairOf(1));
    void grants.rotate('unknown', rotation(1));
    void grants.replace(grantOf(2), pairOf(2));
    void grants.removeOf([{ serviceId: 'none' }]);
    void store.insert(kinds.consumers, { id: 'another', username: 'alice' });
    void store.replace(kinds.consumers, { id: 'unknown' });
    void store.remove(kinds.consumers, 'unknown');
    expect(received).to.deep.equal([]);
  });

  it('announce every removed row', () => {
    const { announcements, store } = world();
    const received: Announcement[] = [];
    announcements.subscribe((announcement) => void received.push(announcement));
    void store.remove(kinds.consumers, 'consumer');
    expect(received).to.deep.equal([
      { announces: 'entityChanged', kind: 'consumers', id: 'consumer' },
      { announces: 'entityChanged', kind: 'oauth2_credentials', id: 'client' },
    ]);
  });

  it('RV-08: return only after every listener has applied the announcement', async () => {
    const { announcements, grants, open } = world();
    open(1);
    let received = false;
    announcements.subscribe(async () => {
      await new Promise(setImmediate);
      received = true;
    });
    await grants.revoke('grant-1', undefined);
    expect(received).to.equal(true);
  });

  it('RV-11: a listener that could not apply it is never reported as success', async () => {
    const { announcements, grants, open } = world();
    open(1);
    announcements.subscribe(async () => {
      throw new Error('a worker did not answer');
    });
    const failure = await Promise.resolve(grants.revoke('grant-1', undefined)).then(
      () => 'revoked',
      (error: Error) => error.message,
    );
    expect(failure).to.equal('a worker did not answer');
  });
});

describe('Bearers of a store that other nodes write to', () => {
  function shared() {
    const clock = testClock();
    const state = { isFresh: true, isCurrent: true, isGone: false, isEnded: false };
    let reads = 0;
    const bearers = rememberedBearers(
      {
        clock,
        grants: {
          async byAccessToken() {
            reads++;
            if (state.isGone) throw new Unavailable('gone');
            return state.isEnded ? undefined : grantOf(1);
          },
        },
        store: { get: (_, id) => ({ id, consumer: { id: 'consumer' } }) },
      },
      kinds,
      undefined,
      { isFresh: () => state.isFresh, isCurrent: () => state.isCurrent, readAgainAfter: 30_000 },
    );
    const find = async () => (await bearers.find('access-1'))?.grant.grantId;
    return { clock, state, bearers, find, reads: () => reads };
  }

  it('RS-22: are returned from memory while the store does not respond, if the memory is fresh', async () => {
    const { state, find, reads, clock } = shared();
    await find();
    Object.assign(state, { isGone: true, isCurrent: false });
    clock.set(noon + 60_000);
    expect(await find()).to.equal('grant-1');
    expect(reads()).to.equal(1);
    state.isFresh = false;
    expect(await find().catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    state.isFresh = true;
    expect(await find(), 'nothing was forgotten').to.equal('grant-1');
  });

  it('are read from the store while what is remembered is not fresh', async () => {
    const { state, find, reads } = shared();
    await find();
    state.isFresh = false;
    expect(await find()).to.equal('grant-1');
    state.isEnded = true;
    expect(await find()).to.equal(undefined);
    expect(reads()).to.equal(3);
  });

  it('RS-16: are read again after a while, because an announcement may be lost when its node crashes', async () => {
    const { state, find, reads, clock, bearers } = shared();
    await find();
    state.isEnded = true;
    clock.set(noon + 29_999);
    expect(await find()).to.equal('grant-1');
    expect(reads()).to.equal(1);
    clock.set(noon + 30_000);
    expect(await find()).to.equal(undefined);
    expect(bearers.remembered).to.equal(0);
  });

  it('are returned from memory if the store fails at that moment', async () => {
    const { state, find, clock } = shared();
    await find();
    clock.set(noon + 30_000);
    state.isGone = true;
    expect(await find()).to.equal('grant-1');
  });
});

/** The content of the database, and the checks of a database before a gate uses it. */
import { expect } from 'chai';
import { systemClock } from '../../adapters/crypto/system-clock.ts';
import { openVault } from '../../adapters/crypto/vault.ts';
import { indexes } from '../../adapters/store-mongodb/indexes.ts';
import { noon, testClock } from '../contract/clock.ts';
import { newCode, ofClient, redeem, refresh, soon } from '../support/gate-requests.ts';
import { guardedApi, openTestGate } from '../support/open-test-gate.ts';
import { cleanUp, databaseAt, newDatabase, openTestStore, testKey, withoutTtl } from './database.ts';

/** All documents of a database and the names of its indexes, as text. */
async function dump(url: string): Promise<string> {
  const db = await databaseAt(url);
  const parts: unknown[] = [];
  for (const { name } of await db.listCollections().toArray()) {
    parts.push(name, await db.collection(name).find().toArray(), await db.collection(name).listIndexes().toArray());
  }
  return JSON.stringify(parts);
}

async function refusal(opening: Promise<unknown>): Promise<Error> {
  return opening.then(
    () => {
      throw new Error('it was opened');
    },
    (error: Error) => error,
  );
}

describe('A MongoDB store at rest', function () {
  this.timeout(60_000);
  after(cleanUp);

  for (const profile of ['kong', 'rfc9700']) {
    it(`SE-01, CA-07: a dump holds no token, code, secret or verifier, profile ${profile}`, async () => {
      const url = await newDatabase();
      const gate = await openTestGate({ PORTCULLIS_STORE: url });
      const secrets: string[] = ['s3cret', 'the provision key', 'v'.repeat(43), 'ab'.repeat(32)];
      try {
        await guardedApi(gate, { profile });
        for (let n = 0; n < 5; n++) {
          const [used, kept] = [await newCode(gate), await newCode(gate)];
          const first = (await redeem(gate, used)).body;
          const second = (await refresh(gate, first.refresh_token)).body;
          const { access_token } = (await ofClient(gate)).body;
          await gate.get('/api/x', access_token);
          secrets.push(used, kept, first.access_token, first.refresh_token, access_token);
          secrets.push(second.access_token, second.refresh_token);
        }
      } finally {
        await gate.close();
      }
      expect(secrets).to.not.include(undefined);
      const text = await dump(url);
      expect(text).to.include('oauth2_credentials').and.include('app.example');
      expect(secrets.filter((secret) => text.includes(secret))).to.deep.equal([]);
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        const encoded = secrets.map((secret) => Buffer.from(secret).toString(encoding).slice(0, 40));
        expect(encoded.filter((secret) => text.includes(secret))).to.deep.equal([]);
      }
    });
  }

  it('refuses a node with another key, also when both start for the first time', async () => {
    const url = await newDatabase();
    const vaults = [testKey, new Uint8Array(32).fill(8)].map((current) => openVault({ current }));
    const outcomes = await Promise.allSettled(vaults.map((vault) => openTestStore(systemClock, { url, vault })));
    expect(outcomes.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const late = await refusal(
      openTestStore(systemClock, { url, vault: openVault({ current: new Uint8Array(32).fill(9) }) }),
    );
    expect(late.name).to.equal('StoreUnusable');
    expect(late.message).to.match(/another master key \(PORTCULLIS_KEY/);
  });

  it('encrypts again after a rotation of the key, and then needs only the new one', async () => {
    const url = await newDatabase();
    const clock = testClock();
    const before = await openTestStore(clock, { url });
    await withoutTtl(url);
    const kind = {
      name: 'oauth2_credentials',
      unique: ['client_id'],
      uniqueTogether: [],
      foreign: [],
      encrypted: () => ['client_secret'],
    };
    const row = { id: '5b8a4b57-2f64-4c0e-8f11-77a1c0f5a103', client_id: 'app', client_secret: 'hidden' };
    await before.entityStore.insert(kind, row);
    await before.close();

    const key = new Uint8Array(32).fill(9);
    const rotated = openVault({ current: key, previous: [testKey] });
    const between = await openTestStore(clock, { url, vault: rotated });
    expect(await between.entityStore.getBy(kind, 'client_id', 'app')).to.deep.equal(row);
    expect(await between.reencrypt()).to.deep.equal([rotated.keyId]);
    await between.close();

    const alone = await openTestStore(clock, { url, vault: openVault({ current: key }) });
    expect(await alone.entityStore.getBy(kind, 'client_id', 'app')).to.deep.equal(row);
  });

  it('refuses a store that a newer version wrote, and changes nothing', async () => {
    const url = await newDatabase();
    await (await openTestStore(systemClock, { url })).close();
    const meta = (await databaseAt(url)).collection<{ _id: string; version: number }>('meta');
    await meta.updateOne({ _id: 'schema' }, { $set: { version: 3 } });
    const error = await refusal(openTestStore(systemClock, { url }));
    expect(error.message).to.match(/newer version \(schema 3, this one knows 2\); nothing was changed/);
  });

  it('names an index that differs from the one it needs', async () => {
    for (const [collection, wanted] of Object.entries(indexes)) {
      for (const { name, key, ...rest } of wanted) {
        const url = await newDatabase();
        await (await openTestStore(systemClock, { url })).close();
        const present = (await databaseAt(url)).collection(collection);
        await present.dropIndex(name);
        // Another index of this name, so that ours cannot be created.
        await present.createIndex({ somethingElse: 1 }, { name });
        const error = await refusal(openTestStore(systemClock, { url }));
        expect(error.name, `${collection}.${name}`).to.equal('StoreUnusable');
        const isUnique = 'unique' in rest && rest.unique === true;
        expect(error.message).to.match(
          new RegExp(`^the ${isUnique ? 'unique ' : '(TTL )?'}index ${name} on ${collection} `),
        );
        expect(error.message).to.include(JSON.stringify(key));
        await (await databaseAt(url)).dropDatabase();
      }
    }
  });

  it('names the place where no database responds, without the password', async () => {
    const url = 'mongodb://ada:canary-of-a-password@127.0.0.1:9/portcullis';
    const error = await refusal(openTestStore(systemClock, { url, timeout: 300 }));
    expect(error.name).to.equal('StoreUnusable');
    expect(error.message).to.match(/^the database at 127\.0\.0\.1:9 cannot be used: .*ECONNREFUSED/);
    expect(`${error.stack} ${JSON.stringify(error)}`).to.not.include('canary');
  });

  it('rows are deleted when their tokens expire, by the clock of the database', async () => {
    const url = await newDatabase();
    const { authorizationCodes, grants, counters } = await openTestStore(systemClock, { url });
    const ids = { grantId: '6e0f3a7e-9d0c-4a57-9f0e-0a6c1f1d7a01', credentialId: 'c', serviceId: undefined };
    const now = Date.now();
    const common = { ...ids, boundTo: 'global', subject: undefined, scope: [], issuedAt: now, expiresAt: now + 1 };
    const uri = { redirectUri: 'https://a.example', redirectUriSent: true, codeChallenge: undefined };
    await authorizationCodes.save('code', { ...common, ...uri });
    await grants.open(
      { ...common, tokenStorage: 'digest', grantedAt: now, generation: 1, accessScope: [], refreshExpiresAt: now + 1 },
      { accessToken: 'a', refreshToken: 'r' },
    );
    await grants.revoke('6e0f3a7e-9d0c-4a57-9f0e-0a6c1f1d7a02', now + 1);
    await counters.count('key', [{ name: 'second', from: now, until: now + 1, limit: 5 }]);
    const db = await databaseAt(url);
    const left = async () => {
      const counts = ['codes', 'grants', 'counters'].map((name) => db.collection(name).countDocuments());
      return (await Promise.all(counts)).join();
    };
    await soon(async () => (await left()) === '0,0,0', 75);
  }).timeout(90_000);

  it('counts no more calls than the limits allow, for many calls at once on two nodes', async () => {
    const url = await newDatabase();
    const nodes = [await openTestStore(systemClock, { url }), await openTestStore(systemClock, { url })];
    const windows = [
      { name: 'minute', from: noon, until: noon + 60_000, limit: 10 },
      { name: 'hour.$ne', from: noon, until: noon + 3_600_000, limit: 100 },
    ];
    const calls = Array.from({ length: 40 }, async (_, n) => nodes[n % 2]!.counters.count('key', windows));
    const before = await Promise.all(calls);
    expect(before.map(([minute]) => minute!).sort((one, other) => one - other)).to.deep.equal(
      Array.from({ length: 40 }, (_, n) => Math.min(n, 10)),
    );
    const [minute, hour] = windows.map((window) => ({ ...window, from: noon + 60_000, until: noon + 120_000 }));
    expect(await nodes[0]!.counters.count('key', [minute!, windows[1]!])).to.deep.equal([0, 10]);
    expect(await nodes[1]!.counters.count('key', [minute!, hour!])).to.deep.equal([1, 0]);
    expect(await nodes[1]!.counters.count('another', windows)).to.deep.equal([0, 0]);
  });

  it('SE-07: an operator object in the place of a text is used as a text', async () => {
    const { authorizationCodes, grants, entityStore } = await openTestStore(systemClock);
    const kind = { name: 'consumers', unique: ['username'], uniqueTogether: [], foreign: [], encrypted: () => [] };
    await entityStore.insert(kind, { id: '5b8a4b57-2f64-4c0e-8f11-77a1c0f5a103', username: 'ada' });
    for (const operator of [{ $ne: null }, { $gt: '' }, { $regex: '.*' }, ['ada'], { $where: 'true' }] as never[]) {
      expect(await grants.get(operator)).to.equal(undefined);
      expect(await entityStore.get(kind, operator)).to.equal(undefined);
      expect(await entityStore.getBy(kind, 'username', operator)).to.equal(undefined);
      expect(await entityStore.remove(kind, operator)).to.deep.equal({ outcome: 'missing' });
      const where = { field: 'username', value: operator };
      expect((await entityStore.page(kind, { size: 9, after: undefined, where })).rows).to.deep.equal([]);
      expect(await grants.removeOf([{ credentialId: operator }])).to.deep.equal([]);
      const finds: readonly (() => unknown)[] = [
        () => grants.byAccessToken(operator),
        () => grants.byRefreshToken(operator),
        () => authorizationCodes.redeem(operator, {} as never),
      ];
      for (const find of finds) {
        const found = await Promise.resolve()
          .then(find)
          .catch((error: unknown) => error);
        // The text of no token, or a TypeError: never a grant.
        if (found !== undefined && !(found instanceof TypeError)) expect(found).to.deep.equal({ outcome: 'unknown' });
      }
    }
  });
});

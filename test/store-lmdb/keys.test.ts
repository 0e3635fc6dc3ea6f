import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import { noon, testClock } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore, testKey } from './directory.ts';
import { consumers, credentials, world } from './writer.ts';

const plugins: EntityKind = {
  name: 'plugins',
  unique: [],
  uniqueTogether: [['name', 'consumer']],
  foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
  encrypted: () => ['config.provision_key'],
};
const newKey = new Uint8Array(32).fill(9);
const old = openVault({ current: testKey });
const rotated = openVault({ current: newKey, previous: [testKey] });
const onlyNew = openVault({ current: newKey });

function bytesIn(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))));
}

describe('Secrets in an lmdb store', () => {
  after(cleanUp);

  it('SE-01, CA-07: its files contain no token, code, client secret or provision key', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, { now: () => noon });
    const canaries: string[] = [];
    const canary = (what: string, n: number): string => {
      const text = `Canary${what}${n}x${'0'.repeat(20)}`;
      canaries.push(text);
      return text;
    };
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(
        Array.from({ length: 25 }, async (_, at) => {
          const n = batch * 25 + at;
          const { record, redemption, grant, rotation, consumer, credential } = world(n);
          const code = canary('Code', n);
          const pair = { accessToken: canary('Access', n), refreshToken: canary('Refresh', n) };
          const next = { accessToken: canary('NextAccess', n), refreshToken: canary('NextRefresh', n) };
          await store.authorizationCodes.save(code, record);
          await store.authorizationCodes.redeem(code, redemption);
          await store.grants.open({ ...grant, tokenStorage: n % 2 === 0 ? 'encrypted' : 'digest' }, pair);
          await store.grants.rotate(pair.refreshToken, { ...rotation, tokens: next });
          await store.entityStore.insert(consumers, consumer);
          await store.entityStore.insert(credentials, { ...credential, client_secret: canary('Secret', n) });
          const config = { provision_key: canary('Provision', n), scopes: ['email'] };
          await store.entityStore.insert(plugins, {
            id: `plugin-${n}`,
            name: 'oauth2',
            consumer: { id: consumer.id },
            config,
          });
        }),
      );
    }
    await store.close();
    const bytes = bytesIn(directory);
    expect(bytes.includes('ada 249'), 'the rows are in the files').to.equal(true);
    expect(canaries).to.have.length(250 * 7);
    const shape = /(?:Code|Access|Refresh|Secret|Provision)\d+x0+/g;
    expect(canaries.filter((text) => text.match(shape) === null)).to.deep.equal([]);
    // Six characters, `Canary`, are the hint of a token that is stored only as a digest.
    expect(bytes.toString('latin1').match(shape)).to.equal(null);
  });

  it('SE-01: a token that is stored only as a digest cannot be read with the key', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, { now: () => noon });
    const { grant, first } = world(1);
    await store.grants.open({ ...grant, tokenStorage: 'digest' }, first);
    expect(await store.grants.get(grant.grantId)).to.include({
      accessToken: undefined,
      refreshToken: undefined,
      hint: 'access',
    });
    await store.close();
    expect(bytesIn(directory).includes('encrypted')).to.equal(false);
  });

  it('a secret that is moved into another row cannot be decrypted', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, { now: () => noon });
    for (const n of [1, 2]) {
      const { consumer, credential } = world(n);
      await store.entityStore.insert(consumers, consumer);
      await store.entityStore.insert(credentials, credential);
    }
    await store.close();
    const { open } = await import('lmdb');
    const root = open({ path: directory, noSubdir: false, overlappingSync: false, encoding: 'json' });
    const entities = root.openDB<{ secrets: unknown }, string[]>({ name: 'entities', encoding: 'json' });
    const [one, other] = [1, 2].map((n) => ['oauth2_credentials', `credential-${n}`]);
    await entities.put(one!, { ...entities.get(one!)!, secrets: entities.get(other!)!.secrets });
    await root.close();
    const again = openTestStore(directory, { now: () => noon });
    expect(() => again.entityStore.get(credentials, 'credential-1')).to.throw(/sealed/);
    expect(again.entityStore.get(credentials, 'credential-2')).to.include({ client_secret: 'secret 2' });
  });
});

describe('Rotating the master key of an lmdb store', () => {
  after(cleanUp);

  async function written(clock = testClock()): Promise<{ directory: string; clock: typeof clock }> {
    const directory = newDirectory();
    const store = openTestStore(directory, clock, old);
    const { code, record, grant, first, rotation, consumer, credential } = world(1);
    await store.authorizationCodes.save(code, record);
    await store.grants.open(grant, first);
    await store.grants.rotate(first.refreshToken, rotation);
    await store.grants.open(
      {
        ...grant,
        grantId: 'digest-only',
        tokenStorage: 'digest',
        refreshExpiresAt: noon + 9_000,
        expiresAt: noon + 9_000,
      },
      {
        accessToken: 'of a digest',
        refreshToken: undefined,
      },
    );
    await store.entityStore.insert(consumers, consumer);
    await store.entityStore.insert(credentials, credential);
    await store.entityStore.insert(plugins, {
      id: 'plugin',
      name: 'oauth2',
      consumer: { id: consumer.id },
      config: { provision_key: 'p' },
    });
    await store.close();
    return { directory, clock };
  }

  it('finds and decrypts all rows that were written with the previous key', async () => {
    const { directory, clock } = await written();
    const store = openTestStore(directory, clock, rotated);
    const { code, redemption, grant, first, next, credential } = world(1);
    expect((await store.grants.byRefreshToken(first.refreshToken))?.found).to.equal('used');
    expect((await store.grants.byRefreshToken(next.refreshToken))?.found).to.equal('current');
    expect(await store.grants.get(grant.grantId)).to.include(next);
    expect(await store.grants.byAccessToken('of a digest')).to.include({ grantId: 'digest-only' });
    expect(await store.authorizationCodes.redeem(code, redemption)).to.include({ outcome: 'redeemed' });
    expect(await store.entityStore.getBy(credentials, 'client_id', 'client 1')).to.deep.equal(credential);
    expect(await store.entityStore.insert(credentials, { ...credential, id: 'another' })).to.deep.equal({
      outcome: 'taken',
      fields: ['client_id'],
    });
    expect(
      await store.entityStore.insert(plugins, { id: 'second', name: 'oauth2', consumer: { id: 'consumer-1' } }),
    ).to.include({ outcome: 'taken' });
  });

  it('rejects the new key alone while a row needs the old one', async () => {
    const { directory, clock } = await written();
    const store = openTestStore(directory, clock, rotated);
    expect(await store.reencrypt()).to.have.members([old.keyId, rotated.keyId]);
    await store.close();
    expect(() => openLmdbStore({ directory, vault: onlyNew, clock })).to.throw(/another master key/);
  });

  it('encrypts all rows again, and needs the old key only until the last token of its time has expired', async () => {
    const { directory, clock } = await written();
    const store = openTestStore(directory, clock, rotated);
    const { grant, next, rotation } = world(1);
    await store.reencrypt();
    // Its reuse must be detected, and only its old digest is known.
    expect((await store.grants.byRefreshToken('refresh-1'))?.found).to.equal('used');
    expect(await store.grants.get(grant.grantId)).to.include(next);
    await store.grants.revoke(grant.grantId, noon + 1);
    clock.set(noon + 400 * 86_400_000);
    await store.sweep();
    expect(await store.reencrypt()).to.deep.equal([rotated.keyId]);
    await store.close();

    const after = openTestStore(directory, clock, onlyNew);
    expect(await after.entityStore.getBy(credentials, 'client_id', 'client 1')).to.deep.equal(world(1).credential);
    expect(await after.entityStore.get(plugins, 'plugin')).to.deep.include({ config: { provision_key: 'p' } });
    expect(await after.entityStore.remove(consumers, 'consumer-1')).to.nested.include({ 'rows.length': 3 });
    expect(await after.grants.rotate(next.refreshToken, rotation)).to.deep.equal({ outcome: 'unknown' });
    await after.close();
    expect(() => openLmdbStore({ directory, vault: old, clock })).to.throw(/another master key/);
  });

  it('a valid grant is found by its tokens under the new key after it was encrypted again', async () => {
    const { directory, clock } = await written();
    const store = openTestStore(directory, clock, rotated);
    const { grant, next, rotation } = world(1);
    await store.reencrypt();
    expect(await store.grants.byAccessToken(next.accessToken)).to.include({ grantId: grant.grantId });
    expect((await store.grants.byRefreshToken(next.refreshToken))?.found).to.equal('current');
    const again = { ...rotation, attempt: 'later', tokens: { accessToken: 'third', refreshToken: 'third refresh' } };
    expect(await store.grants.rotate(next.refreshToken, again)).to.include({ outcome: 'rotated' });
    expect(await store.grants.byAccessToken(next.accessToken)).to.equal(undefined);
  });
});

import { expect } from 'chai';
import { secretHashes } from '../../adapters/crypto/secret-hash.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import type { ClientAuthentication } from '../../src/oauth/client.ts';
import { sameSecret } from '../../src/oauth/same-secret.ts';
import type { Entity, EntityKind, Json } from '../../src/ports/entity-store.ts';
import { registeredClients } from '../../src/records/clients.ts';

const kind: EntityKind = {
  name: 'oauth2_credentials',
  unique: ['client_id'],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => ['client_secret'],
};
const kongs = '$pbkdf2-sha512$i=10000,l=32$3me1eyrg3GUFSB9rACTYjg$wy0EyR36adKPxl4UNzMRs1jrvU4zS0M1G3n67RZziCY';

/** More iterations than a gate would compute. */
const unverifiable = kongs.replace('i=10000', 'i=10000000');

const rows: Entity[] = [
  row('plain', { client_secret: 'right' }),
  row('hashed', { client_secret: kongs, hash_secret: true }),
  row('imported', { client_secret: kongs }),
  row('unverifiable', { client_secret: unverifiable }),
  row('marked', { client_secret: 'not a hash', hash_secret: true }),
  row('empty', { client_secret: '' }),
  row('none', { client_secret: null }),
  row('public', { client_secret: 'generated', client_type: 'public', redirect_uris: ['https://app.example/cb'] }),
];

function row(clientId: string, fields: { readonly [field: string]: Json }): Entity {
  return {
    id: `id of ${clientId}`,
    name: `${clientId}’s name`,
    client_id: clientId,
    client_type: 'confidential',
    redirect_uris: null,
    consumer: { id: 'c' },
    ...fields,
  };
}

function registered(only: readonly string[] = rows.map((one) => one['client_id'] as string)) {
  const store = memoryEntityStore();
  for (const one of rows) if (only.includes(one['client_id'] as string)) void store.insert(kind, one);
  const work: string[] = [];
  const hashes = secretHashes();
  const counted = {
    verify(id: string, phc: string | undefined, ...secrets: readonly (string | undefined)[]) {
      work.push(...secrets.map(() => 'slow hash'));
      return hashes.verify(id, phc, ...secrets);
    },
  };
  const clients = registeredClients(store, kind, counted, (one, other) => {
    work.push('comparison');
    return sameSecret(one, other);
  });
  const prove = async (clientId: string | undefined, clientSecret: string | undefined) => {
    const method: ClientAuthentication['method'] = clientSecret === undefined ? 'none' : 'client_secret_post';
    work.length = 0;
    const { client, proof } = await clients.authenticate({ method, clientId, clientSecret, from: undefined });
    return { clientId: client?.clientId, proof, work: [...work] };
  };
  /** Basic credentials with several readings, each `id secret`. */
  const proveReadings = async (...readings: readonly string[]) => {
    const [first, ...otherReadings] = readings.map((reading) => {
      const [clientId = '', clientSecret = ''] = reading.split(' ');
      return { clientId, clientSecret };
    });
    work.length = 0;
    const authentication = { method: 'client_secret_basic', ...first!, otherReadings, from: undefined } as const;
    const { client, proof } = await clients.authenticate(authentication);
    return { clientId: client?.clientId, proof, work: [...work] };
  };
  return { clients, prove, proveReadings };
}

describe('Registered clients', () => {
  it('are found by their client_id, with all that the core needs', async () => {
    const { clients } = registered();
    expect(await clients.find('public')).to.deep.equal({
      id: 'id of public',
      clientId: 'public',
      name: 'public’s name',
      type: 'public',
      redirectUris: ['https://app.example/cb'],
      consumerId: 'c',
    });
    expect(await clients.find('plain')).to.include({ type: 'confidential', redirectUris: undefined });
    for (const unknown of ['id of plain', '', 'PLAIN', '__proto__'])
      expect(await clients.find(unknown)).to.equal(undefined);
  });

  it('CA-05: are authenticated by their secret, and by nothing else', async () => {
    const { prove } = registered();
    expect(await prove('plain', 'right')).to.include({ proof: 'proven', clientId: 'plain' });
    expect(await prove('hashed', 's3cret')).to.include({ proof: 'proven', clientId: 'hashed' });
    for (const clientId of ['plain', 'hashed', 'imported', 'marked', 'empty', 'none']) {
      for (const wrong of ['wrong', '', undefined, 'RIGHT', 'right ', 'null', 'undefined']) {
        expect(await prove(clientId, wrong), `${clientId} ${wrong}`).to.include({ proof: 'failed', clientId });
      }
    }
  });

  it('a stored hash is not accepted as the secret, however its row is marked', async () => {
    const { prove } = registered();
    expect(await prove('hashed', kongs)).to.include({ proof: 'failed' });
    expect(await prove('imported', kongs)).to.include({ proof: 'failed' });
    expect(await prove('imported', 's3cret')).to.include({ proof: 'proven' });
    expect(await prove('unverifiable', unverifiable)).to.include({ proof: 'failed' });
    expect(await prove('marked', 'not a hash')).to.include({ proof: 'failed' });
  });

  it('CA-09: a public client has nothing to prove, and fails when it sends a secret', async () => {
    const { prove } = registered();
    expect(await prove('public', undefined)).to.include({ proof: 'proven', clientId: 'public' });
    expect(await prove('public', '')).to.include({ proof: 'proven' });
    for (const secret of ['generated', 'any'])
      expect(await prove('public', secret)).to.include({ proof: 'failed', clientId: 'public' });
  });

  it('CA-08: an unknown client takes the same steps as a wrong secret, whether secrets are hashed or not', async () => {
    const plain = registered(['plain']);
    expect((await plain.prove('plain', 'wrong')).work).to.deep.equal(['comparison', 'slow hash']);
    expect(await plain.prove('unknown', 'wrong')).to.deep.equal({
      clientId: undefined,
      proof: 'failed',
      work: ['comparison', 'slow hash'],
    });
    expect((await plain.prove(undefined, undefined)).work).to.deep.equal(['comparison', 'slow hash']);

    const mixed = registered(['plain', 'hashed', 'public']);
    expect((await mixed.prove('unknown', 'wrong')).work, 'first').to.deep.equal(['comparison', 'slow hash']);
    expect((await mixed.prove('public', 'wrong')).work).to.deep.equal(['comparison', 'slow hash']);
    expect((await mixed.prove('hashed', 'wrong')).work).to.deep.equal(['comparison', 'slow hash']);
    expect((await mixed.prove('plain', 'wrong')).work).to.deep.equal(['comparison', 'slow hash']);
    expect((await mixed.prove('unknown', 'wrong')).work).to.deep.equal(['comparison', 'slow hash']);
    expect((await mixed.prove('plain', 'right')).work, 'the right one needs no hash').to.deep.equal(['comparison']);
  });

  it('CA-06: a flood of wrong secrets does not keep out a client whose secret is plain, or was proven before', async () => {
    const { clients } = registered(['plain', 'hashed']);
    const attempt = (clientId: string, clientSecret: string) =>
      clients.authenticate({ method: 'client_secret_post', clientId, clientSecret, from: undefined });
    await attempt('hashed', 's3cret');
    const flood = Array.from({ length: 200 }, (_, n) => attempt('hashed', `wrong ${n}`));
    expect(await attempt('hashed', 's3cret')).to.include({ proof: 'proven' });
    expect(await attempt('plain', 'right')).to.include({ proof: 'proven' });
    const proofs = (await Promise.all(flood)).map(({ proof }) => proof);
    expect(proofs).to.include('rateLimited').and.include('failed').and.not.include('proven');
  });

  describe('CA-01: that send credentials with two readings', () => {
    const both = ['comparison', 'comparison'];

    it('are authenticated by either of them', async () => {
      const { proveReadings } = registered();
      for (const readings of [
        ['plain right', 'plain wrong'],
        ['plain wrong', 'plain right'],
        ['other right', 'plain right'],
        ['plain right', 'other right'],
      ]) {
        expect(await proveReadings(...readings), String(readings)).to.include({ proof: 'proven', clientId: 'plain' });
      }
      expect(await proveReadings('hashed wrong', 'hashed s3cret')).to.include({ proof: 'proven', clientId: 'hashed' });
      expect(await proveReadings('hashed s3cret', 'hashed wrong')).to.include({ proof: 'proven', clientId: 'hashed' });
      expect(await proveReadings('public ', 'other ')).to.include({ proof: 'proven', clientId: 'public' });
    });

    it('are not authenticated by the secret of one reading with the id of the other', async () => {
      const { proveReadings } = registered();
      expect(await proveReadings('plain wrong', 'other right')).to.include({ proof: 'failed', clientId: 'plain' });
      expect(await proveReadings('other right', 'plain wrong')).to.include({ proof: 'failed', clientId: 'plain' });
      expect(await proveReadings('hashed wrong', 'other s3cret')).to.include({ proof: 'failed', clientId: 'hashed' });
      expect(await proveReadings('other s3cret', 'hashed wrong')).to.include({ proof: 'failed', clientId: 'hashed' });
      expect(await proveReadings('public any', 'other ')).to.include({ proof: 'failed', clientId: 'public' });
    });

    it('are refused where each reading names a client, even with a right secret', async () => {
      const { proveReadings } = registered();
      const named = { proof: 'ambiguous', clientId: undefined };
      expect(await proveReadings('plain right', 'hashed s3cret')).to.include(named);
      expect(await proveReadings('plain right', 'public ')).to.include(named);
      expect(await proveReadings('public ', 'plain wrong')).to.include(named);
    });

    it('CA-08: cost both comparisons, whichever reading is right', async () => {
      const plain = registered(['plain']);
      for (const [one, other] of [
        ['plain right', 'plain wrong'],
        ['plain wrong', 'plain right'],
      ] as const) {
        expect((await plain.proveReadings(one, other)).work, `${one}, ${other}`).to.deep.equal(both);
      }
      for (const [one, other] of [
        ['plain wrong', 'plain bad'],
        ['plain wrong', 'other wrong'],
        ['other wrong', 'third wrong'],
      ] as const) {
        const { work } = await plain.proveReadings(one, other);
        expect(work, `${one}, ${other}`).to.deep.equal([...both, 'slow hash', 'slow hash']);
      }
      const hashed = registered(['hashed']);
      for (const [one, other] of [
        ['hashed wrong', 'hashed bad'],
        ['hashed wrong', 'hashed s3cret'],
        ['hashed bad', 'other bad'],
        ['other bad', 'third bad'],
      ] as const) {
        const { work } = await hashed.proveReadings(one, other);
        expect(work, `${one}, ${other}`).to.deep.equal([...both, 'slow hash', 'slow hash']);
      }
    });
  });

  it('that change are authenticated by their new secret', async () => {
    const store = memoryEntityStore();
    const hashes = secretHashes();
    const clients = registeredClients(store, kind, hashes);
    const [before, after] = [await hashes.hash('before'), await hashes.hash('after')];
    const proof = async (clientSecret: string) =>
      (await clients.authenticate({ method: 'client_secret_post', clientId: 'x', clientSecret, from: undefined }))
        .proof;
    await store.insert(kind, row('x', { client_secret: before, hash_secret: true }));
    expect(await proof('before')).to.equal('proven');
    await store.replace(kind, row('x', { client_secret: after, hash_secret: true }));
    expect(await proof('before'), 'not by what was remembered').to.equal('failed');
    expect(await proof('after')).to.equal('proven');
    await store.remove(kind, 'id of x');
    expect(await proof('after')).to.equal('failed');
  });
});

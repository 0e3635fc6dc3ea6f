import { expect } from 'chai';
import fc from 'fast-check';
import { readPhc, type SlowHash, secretHashes } from '../../adapters/crypto/secret-hash.ts';

/** As Kong 3.9.1 wrote it for the secret `s3cret`. */
const kongs = '$pbkdf2-sha512$i=10000,l=32$3me1eyrg3GUFSB9rACTYjg$wy0EyR36adKPxl4UNzMRs1jrvU4zS0M1G3n67RZziCY';
const cheap = (salt = 'c2FsdHNhbHRzYWx0c2FsdA') => `$pbkdf2-sha512$i=1,l=32$${salt}$${'A'.repeat(43)}`;

/** A slow hash whose calls the test can see and end. */
function heldHash() {
  const held: { readonly secret: string; readonly finish: (digest?: Uint8Array) => Promise<void> }[] = [];
  const slow: SlowHash = (secret, _salt, _iterations, length) =>
    new Promise((resolve) => {
      held.push({
        secret,
        finish: async (digest = new Uint8Array(length).fill(255)) => {
          resolve(digest);
          await new Promise(setImmediate);
        },
      });
    });
  return { held, slow };
}

/** The digest in `cheap()`. */
const right = new Uint8Array(32);

describe('Hashed client secrets', () => {
  it('have the form that Kong writes, each with its own salt', async () => {
    const hashes = secretHashes();
    const [one, other] = await Promise.all([hashes.hash('s3cret'), hashes.hash('s3cret')]);
    for (const phc of [one, other])
      expect(phc).to.match(/^\$pbkdf2-sha512\$i=10000,l=32\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).to.not.equal(other);
    expect(await hashes.verify('client', one, 's3cret')).to.equal('proven');
    expect(await hashes.verify('client', other, 's3cret')).to.equal('proven');
  });

  it('are proven only by the secret: not by another one, an empty one, or the hash itself', async () => {
    const hashes = secretHashes();
    for (const wrong of ['S3cret', 's3cret ', '', kongs, kongs.split('$').at(-1)!]) {
      expect(await hashes.verify('client', kongs, wrong), wrong).to.equal('failed');
    }
  });

  it('that Kong wrote are proven by their secret', async () => {
    expect(await secretHashes().verify('client', kongs, 's3cret')).to.equal('proven');
  });

  it('are distinguished from any other text', () => {
    const others = [
      '',
      's3cret',
      '$2b$10$abcdefghijklmnopqrstuv',
      kongs.slice(1),
      ` ${kongs}`,
      `${kongs}=`,
      `${kongs}\n`,
      kongs.replace('sha512', 'sha256'),
      kongs.replace('i=10000', 'i=0'),
      kongs.replace('i=10000', 'i=10000000'),
      kongs.replace('l=32', 'l=33'),
      kongs.replace('l=32', 'l=-1'),
    ];
    expect(others.filter((text) => readPhc(text) !== undefined)).to.deep.equal([]);
    fc.assert(fc.property(fc.string(), (text) => readPhc(text) === undefined));
  });

  it('CA-08: take the same work for an unknown client', async () => {
    const calls: [number, number, number][] = [];
    const counting: SlowHash = async (_secret, salt, iterations, length) => {
      calls.push([salt.length, iterations, length]);
      return new Uint8Array(length);
    };
    const hashes = secretHashes({}, counting);
    expect(await hashes.verify('known', kongs, 'wrong')).to.equal('failed');
    expect(await hashes.verify('unknown', undefined, 'wrong')).to.equal('failed');
    expect(await hashes.verify('broken', '$pbkdf2-sha512$', 'wrong')).to.equal('failed');
    expect(calls).to.deep.equal([
      [16, 10_000, 32],
      [16, 10_000, 32],
      [16, 10_000, 32],
    ]);
  });

  it('run two at a time, and one for each client, in the order of the requests', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({}, slow);
    const all = [
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
      ['c', '4'],
    ].map(([client, secret]) => hashes.verify(client!, cheap(), secret!));
    const running = () => held.map(({ secret }) => secret);
    expect(running()).to.deep.equal(['1', '3']);
    await held[1]!.finish();
    expect(running(), 'a is busy, so c goes before it').to.deep.equal(['1', '3', '4']);
    await held[0]!.finish();
    expect(running()).to.deep.equal(['1', '3', '4', '2']);
    for (const one of held.slice(2)) await one.finish();
    expect(await Promise.all(all)).to.deep.equal(['failed', 'failed', 'failed', 'failed']);
  });

  it('CA-01: of one attempt with several secrets take one place in the queue, and all are hashed', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({ waiting: 1 }, slow);
    const several = hashes.verify('client', cheap(), 'right', 'other', undefined);
    expect(hashes.verify('client', cheap(), 'a'), 'waits').to.not.be.a('string');
    expect(hashes.verify('client', cheap(), 'b'), 'one waits already').to.equal('rateLimited');
    await held[0]!.finish(right);
    await held[1]!.finish();
    await held[2]!.finish();
    expect(await several).to.equal('proven');
    expect(held.map(({ secret }) => secret)).to.deep.equal(['right', 'other', '', 'a']);
    await held[3]!.finish();
    expect(hashes.verify('client', cheap(), 'other', 'right'), 'remembered').to.equal('proven');
    expect(hashes.verify('client', cheap(), undefined, 'other')).to.not.equal('proven');
    await held[4]!.finish(right);
  });

  it('never run on the event loop', async () => {
    const hashes = secretHashes();
    let turns = 0;
    const turning = setInterval(() => turns++, 0);
    const phc = await hashes.hash('s3cret');
    for (let n = 0; n < 5; n++) await hashes.verify('client', phc, `wrong ${n}`);
    clearInterval(turning);
    expect(turns).to.be.above(0);
  });

  it('CA-06: are rate limited at once when too many wait, for one client sooner than for all', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({ waiting: 4, waitingForOne: 2 }, slow);
    const rejected: unknown[] = [];
    const ask = (client: string, n: number) => {
      const result = hashes.verify(client, cheap(), `${client} ${n}`);
      if (typeof result === 'string') rejected.push([client, n, result]);
      return result;
    };
    const asked = [0, 1, 2, 3, 4].map((n) => ask('flooded', n));
    expect(rejected).to.deep.equal([
      ['flooded', 3, 'rateLimited'],
      ['flooded', 4, 'rateLimited'],
    ]);
    asked.push(...[0, 1, 2].map((n) => ask('b', n)), ask('c', 0));
    expect(rejected.slice(2)).to.deep.equal([['c', 0, 'rateLimited']]);
    while (held.length > 0) await held.shift()!.finish();
    expect((await Promise.all(asked)).filter((result) => result === 'failed')).to.have.length(6);
    const later = hashes.verify('c', cheap(), 'right');
    await held.shift()!.finish(right);
    expect(await later, 'there is room again').to.equal('proven');
  });

  it('are remembered once proven, so that the next proof needs no hash, until the client changes', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({}, slow);
    const proofs = [hashes.verify('client', cheap(), 'right'), hashes.verify('client', cheap(), 'right')];
    await held[0]!.finish(right);
    expect(await Promise.all(proofs), 'the second waited for the first').to.deep.equal(['proven', 'proven']);
    expect(held).to.have.length(1);
    expect(hashes.verify('client', cheap(), 'right')).to.equal('proven');

    const others = [
      hashes.verify('client', cheap(), 'wrong'),
      hashes.verify('another', cheap(), 'right'),
      hashes.verify('client', cheap('b3RoZXJzYWx0c2FsdA'), 'right'),
    ];
    for (let n = 1; n <= 3; n++) await held[n]!.finish();
    expect(await Promise.all(others)).to.deep.equal(['failed', 'failed', 'failed']);

    hashes.apply({ announces: 'entityChanged', kind: 'oauth2_credentials', id: 'another' });
    expect(hashes.verify('client', cheap(), 'right')).to.equal('proven');
    hashes.apply({ announces: 'entityChanged', kind: 'oauth2_credentials', id: 'client' });
    const again = hashes.verify('client', cheap(), 'right');
    await held[4]!.finish(right);
    expect(await again).to.equal('proven');
    hashes.apply({ announces: 'everythingChanged' });
    const once = hashes.verify('client', cheap(), 'right');
    await held[5]!.finish();
    expect(await once).to.equal('failed');
  });

  it('are remembered for a bounded number of clients', async () => {
    const hashes = secretHashes({ remembered: 2 }, async () => right);
    for (const client of ['a', 'b', 'c']) await hashes.verify(client, cheap(), 'right');
    expect(hashes.verify('b', cheap(), 'right')).to.equal('proven');
    expect(hashes.verify('c', cheap(), 'right')).to.equal('proven');
    expect(hashes.verify('a', cheap(), 'right')).to.not.be.a('string');
  });

  it('that fail reject the request that needed them, and no other', async () => {
    let calls = 0;
    const failing: SlowHash = async () => {
      if (++calls === 1) throw new Error('no memory');
      return right;
    };
    const hashes = secretHashes({ atOnce: 1 }, failing);
    const [one, other] = [hashes.verify('a', cheap(), 'x'), hashes.verify('b', cheap(), 'y')];
    expect(
      await Promise.resolve(one).then(
        () => 'proven',
        (error: Error) => error.message,
      ),
    ).to.equal('no memory');
    expect(await other).to.equal('proven');
  });
});

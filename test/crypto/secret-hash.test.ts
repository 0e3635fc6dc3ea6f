import { expect } from 'chai';
import fc from 'fast-check';
import { readPhc, type SlowHash, secretHashes, type Timing } from '../../adapters/crypto/secret-hash.ts';
import { Budget } from '../../src/records/budget.ts';

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

  describe('that are not there (unknown clients, plain secrets)', () => {
    /** Time that passes only when a test says so. */
    function heldTime() {
      const pauses: { readonly milliseconds: number; readonly end: () => Promise<void> }[] = [];
      let at = 0;
      const timing: Timing = {
        now: () => at,
        pause: (milliseconds) =>
          new Promise((resolve) => {
            pauses.push({
              milliseconds,
              end: async () => {
                resolve(undefined);
                await new Promise(setImmediate);
              },
            });
          }),
      };
      return { pauses, timing, advance: (milliseconds: number) => void (at += milliseconds) };
    }

    it('CA-08: take the time of a hash, without a hash for each', async () => {
      const { held, slow } = heldHash();
      const { pauses, timing, advance } = heldTime();
      const hashes = secretHashes({}, slow, timing);
      const known = hashes.verify('known', cheap(), 'wrong');
      advance(17);
      await held[0]!.finish();
      expect(await known).to.equal('failed');
      const unknown = [
        hashes.verify('unknown', undefined, 'wrong'),
        hashes.verify('broken', '$pbkdf2-sha512$', 'wrong'),
        hashes.verify('two readings', undefined, 'wrong', undefined),
      ];
      expect(pauses.map(({ milliseconds }) => milliseconds)).to.deep.equal([17, 17, 17]);
      for (const pause of pauses.slice(0, 3)) await pause.end();
      expect(pauses, 'one for each reading').to.have.length(4);
      await pauses[3]!.end();
      expect(await Promise.all(unknown)).to.deep.equal(['failed', 'failed', 'failed']);
      expect(held, 'no hash for them').to.have.length(1);
    });

    it('CA-08: the first one after a start measures how long a hash takes; later ones at most once a second', async () => {
      const { held, slow } = heldHash();
      const { pauses, timing, advance } = heldTime();
      const hashes = secretHashes({}, slow, timing);
      const first = Array.from({ length: 100 }, (_, n) => hashes.verify(`unknown ${n}`, undefined, 'x'));
      expect(held).to.have.length(1);
      advance(5);
      await held[0]!.finish();
      expect(new Set(await Promise.all(first))).to.deep.equal(new Set(['failed']));
      advance(1001);
      for (let n = 0; n < 10; n++) void hashes.verify(`later ${n}`, undefined, 'x');
      expect(held).to.have.length(2);
      expect(pauses.map(({ milliseconds }) => milliseconds)).to.deep.equal(Array(10).fill(5));
    });

    it('CA-06: 1,000 unknown clients at once delay no known one, and take none of its places', async () => {
      const { held, slow } = heldHash();
      const { timing } = heldTime();
      const hashes = secretHashes({ budget: new Budget(4) }, slow, timing);
      const flood = Array.from({ length: 1000 }, (_, n) => hashes.verify(`unknown ${n}`, undefined, 'x'));
      expect(flood.filter((result) => typeof result === 'string')).to.deep.equal([]);
      const known = hashes.verify('known', cheap(), 'right');
      expect(held.at(-1)!.secret).to.equal('right');
      await held.at(-1)!.finish(right);
      expect(await known).to.equal('proven');
    });

    it('CA-08: wait and are rejected like a wrong secret of a known client, also under load', async () => {
      const { held, slow } = heldHash();
      const { pauses, timing } = heldTime();
      const hashes = secretHashes({ budget: new Budget(3) }, slow, timing);
      void hashes.verify('first', cheap(), 'x');
      await held[0]!.finish();
      for (const client of ['a', 'b', 'c']) void hashes.verify(client, cheap(), 'x');
      void hashes.verify('unknown', undefined, 'x');
      void hashes.verify('known', cheap(), 'x');
      expect([held.length, pauses.length], 'both places are taken').to.deep.equal([3, 0]);
      await held[1]!.finish();
      expect([held.length, pauses.length], 'c has the place').to.deep.equal([4, 0]);
      await held[2]!.finish();
      expect([held.length, pauses.length], 'the turn of the unknown one, then of the known one').to.deep.equal([5, 1]);
      for (const client of ['d', 'e', 'f']) void hashes.verify(client, cheap(), 'x');
      expect(['other', 'another'].map((id) => hashes.verify(id, undefined, 'x'))).to.deep.equal(['busy', 'busy']);
      expect(['g', 'h'].map((id) => hashes.verify(id, cheap(), 'x'))).to.deep.equal(['busy', 'busy']);
    });

    it('CA-06: at most as many wait for one unknown client as for a known one', () => {
      const { slow } = heldHash();
      const { timing } = heldTime();
      const hashes = secretHashes({ waitingForOne: 2 }, slow, timing);
      for (const phc of [undefined, cheap()]) {
        const results = [1, 2, 3, 4].map((n) => hashes.verify(String(phc), phc, String(n)));
        expect(results.slice(3), String(phc)).to.deep.equal(['rateLimited']);
      }
    });
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
    const hashes = secretHashes({ budget: new Budget(1) }, slow);
    const several = hashes.verify('client', cheap(), 'right', 'other', undefined);
    expect(hashes.verify('client', cheap(), 'a'), 'waits').to.not.be.a('string');
    expect(hashes.verify('client', cheap(), 'b'), 'one waits already').to.equal('busy');
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
    const hashes = secretHashes({ budget: new Budget(4), waitingForOne: 2 }, slow);
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
    expect(rejected.slice(2)).to.deep.equal([['c', 0, 'busy']]);
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

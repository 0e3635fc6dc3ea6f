import { expect } from 'chai';
import fc from 'fast-check';
import { readPhc, type SlowHash, secretHashes } from '../../adapters/crypto/secret-hash.ts';

/** As Kong 3.9.1 wrote it for the secret `s3cret`. */
const kongs = '$pbkdf2-sha512$i=10000,l=32$3me1eyrg3GUFSB9rACTYjg$wy0EyR36adKPxl4UNzMRs1jrvU4zS0M1G3n67RZziCY';
const cheap = (salt = 'c2FsdHNhbHRzYWx0c2FsdA') => `$pbkdf2-sha512$i=1,l=32$${salt}$${'A'.repeat(43)}`;

/** A slow hash that the test lets go on, and that says who waits for it. */
function heldHash() {
  const held: { readonly secret: string; readonly letGo: (digest?: Uint8Array) => Promise<void> }[] = [];
  const slow: SlowHash = (secret, _salt, _iterations, length) =>
    new Promise((resolve) => {
      held.push({
        secret,
        letGo: async (digest = new Uint8Array(length).fill(255)) => {
          resolve(digest);
          await new Promise(setImmediate);
        },
      });
    });
  return { held, slow };
}

/** What `cheap()` holds. */
const right = new Uint8Array(32);

describe('Hashed client secrets', () => {
  it('are written as Kong writes them, each with a salt of its own', async () => {
    const hashes = secretHashes();
    const [one, other] = await Promise.all([hashes.hash('s3cret'), hashes.hash('s3cret')]);
    for (const phc of [one, other])
      expect(phc).to.match(/^\$pbkdf2-sha512\$i=10000,l=32\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).to.not.equal(other);
    expect(await hashes.verify('client', one, 's3cret')).to.equal('proven');
    expect(await hashes.verify('client', other, 's3cret')).to.equal('proven');
  });

  it('are proven by the secret alone: not by another, not by nothing, not by themselves', async () => {
    const hashes = secretHashes();
    for (const wrong of ['S3cret', 's3cret ', '', kongs, kongs.split('$').at(-1)!]) {
      expect(await hashes.verify('client', kongs, wrong), wrong).to.equal('failed');
    }
  });

  it('that Kong has written are proven by their secret', async () => {
    expect(await secretHashes().verify('client', kongs, 's3cret')).to.equal('proven');
  });

  it('are told from anything else', () => {
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

  it('CA-08: cost an unknown client the same work, which is for nothing', async () => {
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

  it('are made two at a time, and one for each client, in the order they came', async () => {
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
    await held[1]!.letGo();
    expect(running(), 'a is busy, so c goes before it').to.deep.equal(['1', '3', '4']);
    await held[0]!.letGo();
    expect(running()).to.deep.equal(['1', '3', '4', '2']);
    for (const one of held.slice(2)) await one.letGo();
    expect(await Promise.all(all)).to.deep.equal(['failed', 'failed', 'failed', 'failed']);
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

  it('CA-06: are deferred when too many wait, at once and without a try; those of other clients less soon', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({ waiting: 4, waitingForOne: 2 }, slow);
    const told: unknown[] = [];
    const ask = (client: string, n: number) => {
      const answer = hashes.verify(client, cheap(), `${client} ${n}`);
      if (typeof answer === 'string') told.push([client, n, answer]);
      return answer;
    };
    const asked = [0, 1, 2, 3, 4].map((n) => ask('flooded', n));
    expect(told).to.deep.equal([
      ['flooded', 3, 'rateLimited'],
      ['flooded', 4, 'rateLimited'],
    ]);
    asked.push(...[0, 1, 2].map((n) => ask('b', n)), ask('c', 0));
    expect(told.slice(2)).to.deep.equal([['c', 0, 'rateLimited']]);
    while (held.length > 0) await held.shift()!.letGo();
    expect((await Promise.all(asked)).filter((answer) => answer === 'failed')).to.have.length(6);
    const later = hashes.verify('c', cheap(), 'right');
    await held.shift()!.letGo(right);
    expect(await later, 'there is room again').to.equal('proven');
  });

  it('once proven are remembered, so that the next proof comes at once, until they are forgotten', async () => {
    const { held, slow } = heldHash();
    const hashes = secretHashes({}, slow);
    const proofs = [hashes.verify('client', cheap(), 'right'), hashes.verify('client', cheap(), 'right')];
    await held[0]!.letGo(right);
    expect(await Promise.all(proofs), 'the second waited for the first').to.deep.equal(['proven', 'proven']);
    expect(held).to.have.length(1);
    expect(hashes.verify('client', cheap(), 'right')).to.equal('proven');

    const others = [
      hashes.verify('client', cheap(), 'wrong'),
      hashes.verify('another', cheap(), 'right'),
      hashes.verify('client', cheap('b3RoZXJzYWx0c2FsdA'), 'right'),
    ];
    for (let n = 1; n <= 3; n++) await held[n]!.letGo();
    expect(await Promise.all(others)).to.deep.equal(['failed', 'failed', 'failed']);

    hashes.forget('another');
    expect(hashes.verify('client', cheap(), 'right')).to.equal('proven');
    hashes.forget('client');
    const again = hashes.verify('client', cheap(), 'right');
    await held[4]!.letGo(right);
    expect(await again).to.equal('proven');
    hashes.forgetAll();
    const once = hashes.verify('client', cheap(), 'right');
    await held[5]!.letGo();
    expect(await once).to.equal('failed');
  });

  it('are remembered for a bounded number of clients', async () => {
    const hashes = secretHashes({ remembered: 2 }, async () => right);
    for (const client of ['a', 'b', 'c']) await hashes.verify(client, cheap(), 'right');
    expect(hashes.verify('b', cheap(), 'right')).to.equal('proven');
    expect(hashes.verify('c', cheap(), 'right')).to.equal('proven');
    expect(hashes.verify('a', cheap(), 'right')).to.not.be.a('string');
  });

  it('that cannot be made are an error for whoever asked, and for nobody else', async () => {
    let calls = 0;
    const failing: SlowHash = async () => {
      if (++calls === 1) throw new Error('no memory');
      return right;
    };
    const hashes = secretHashes({ atOnce: 1 }, failing);
    const [one, other] = [hashes.verify('a', cheap(), 'x'), hashes.verify('b', cheap(), 'y')];
    expect(
      await Promise.resolve(one).then(
        () => 'told',
        (error: Error) => error.message,
      ),
    ).to.equal('no memory');
    expect(await other).to.equal('proven');
  });
});

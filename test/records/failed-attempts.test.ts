import { expect } from 'chai';
import type { Client, ClientAuthentication } from '../../src/oauth/client.ts';
import type { Clients } from '../../src/ports/clients.ts';
import { failedAttempts, limitedClients } from '../../src/records/failed-attempts.ts';

const printer: Client = {
  id: '1',
  clientId: 'printer',
  name: 'printer',
  type: 'confidential',
  redirectUris: [],
  consumerId: '2',
};
const right = 'correct horse';
const clients: Clients = {
  find: () => printer,
  authenticate: ({ clientSecret }) => ({ client: printer, proof: clientSecret === right ? 'proven' : 'failed' }),
};

function world(inner = clients) {
  let now = 1_000;
  const limits = { perClient: 3, perAddress: 8, window: 60_000, most: 100 };
  const attempts = failedAttempts({ now: () => now }, limits);
  const limited = limitedClients(inner, attempts);
  const attempt = async (clientSecret: string, from: string | undefined, clientId = 'printer') => {
    const authentication: ClientAuthentication = { method: 'client_secret_post', clientId, clientSecret, from };
    return await limited.authenticate(authentication);
  };
  return { limited, attempts, attempt, advance: (milliseconds: number) => void (now += milliseconds) };
}

describe('Failed client authentications (RFC 6749 §2.3.1)', () => {
  it('CA-06: too many from one address are rate limited, with the time to wait', async () => {
    const { attempt } = world();
    for (let i = 0; i < 3; i++) expect((await attempt('wrong', '192.0.2.1')).proof).to.equal('failed');
    expect(await attempt(right, '192.0.2.1')).to.deep.equal({
      client: undefined,
      proof: 'rateLimited',
      retryAfter: 60,
    });
  });

  it('CA-06: credentials with several readings are one attempt, and all encodings of an id have one count', async () => {
    const { limited } = world();
    const encoded = (clientId: string) =>
      limited.authenticate({
        method: 'client_secret_basic',
        clientId,
        clientSecret: 'wrong',
        otherReadings: [{ clientId: 'printer', clientSecret: 'wrong' }],
        from: '192.0.2.1',
      });
    const proofs: string[] = [];
    for (const clientId of ['%70rinter', 'p%72inter', 'pr%69nter', 'pri%6Eter']) {
      proofs.push((await encoded(clientId)).proof);
    }
    expect(proofs).to.deep.equal(['failed', 'failed', 'failed', 'rateLimited']);
  });

  it('CA-06: credentials that name two clients count as a failure', async () => {
    const ambiguous: Clients = { ...clients, authenticate: () => ({ client: undefined, proof: 'ambiguous' }) };
    const { attempt } = world(ambiguous);
    for (let i = 0; i < 3; i++) expect((await attempt(right, '192.0.2.1')).proof).to.equal('ambiguous');
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('rateLimited');
  });

  it('CA-06: an attacker cannot lock a client out: from another address the right secret is proven', async () => {
    const { attempt } = world();
    for (let i = 0; i < 1000; i++) await attempt('wrong', '192.0.2.1');
    expect((await attempt(right, '192.0.2.2')).proof).to.equal('proven');
  });

  it('CA-06: an address that tries many clients is rate limited too', async () => {
    const { attempt } = world();
    for (let i = 0; i < 8; i++) await attempt('wrong', '192.0.2.1', `client-${i}`);
    expect((await attempt('wrong', '192.0.2.1', 'another')).proof).to.equal('failed');
    expect((await attempt('wrong', '192.0.2.1', 'another')).proof, 'one attempt for each client').to.equal(
      'rateLimited',
    );
    expect((await attempt('wrong', '192.0.2.1', 'client-0')).proof).to.equal('rateLimited');
  });

  it('CA-06: failures of other clients at the same address do not limit a client', async () => {
    const { attempt } = world();
    for (let i = 0; i < 1000; i++) await attempt('wrong', '192.0.2.1', `unknown-${i}`);
    for (let i = 0; i < 20; i++) expect((await attempt(right, '192.0.2.1')).proof).to.equal('proven');
  });

  it('CA-06: failures with very many clients do not evict the count of one', async () => {
    const { attempt, attempts } = world();
    for (let i = 0; i < 3; i++) await attempt('wrong', '192.0.2.1');
    for (let i = 0; i < 1000; i++) await attempt('wrong', `192.0.2.${i % 250}`, `unknown-${i}`);
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('rateLimited');
    expect(attempts.counted).to.be.at.most(200);
  });

  it('CA-06: of attempts at the same time no more run than may fail; the others wait, and right ones all succeed', async () => {
    const held: (() => void)[] = [];
    const { limited } = world({
      find: () => printer,
      authenticate: ({ clientSecret }) =>
        new Promise((resolve) => {
          held.push(() => resolve({ client: printer, proof: clientSecret === right ? 'proven' : 'failed' }));
        }),
    });
    const all = async (clientSecret: string, from: string) => {
      const proofs = Promise.all(
        Array.from({ length: 50 }, () =>
          limited.authenticate({ method: 'client_secret_post', clientId: 'printer', clientSecret, from }),
        ),
      );
      let most = 0;
      let isOver = false;
      void proofs.then(() => {
        isOver = true;
      });
      while (!isOver) {
        most = Math.max(most, held.length);
        held.shift()?.();
        await new Promise(setImmediate);
      }
      return { most, proofs: (await proofs).map(({ proof }) => proof) };
    };
    const wrong = await all('wrong', '192.0.2.1');
    expect(wrong.most).to.equal(3);
    expect(wrong.proofs.filter((proof) => proof === 'failed')).to.have.length(3);
    expect(wrong.proofs.filter((proof) => proof === 'rateLimited')).to.have.length(47);
    expect(new Set((await all(right, '192.0.2.2')).proofs)).to.deep.equal(new Set(['proven']));
  });

  it('the count of a window begins with the first failure and ends with the window', async () => {
    const { attempt, advance } = world();
    await attempt('wrong', '192.0.2.1');
    advance(59_999);
    await attempt('wrong', '192.0.2.1');
    await attempt('wrong', '192.0.2.1');
    expect(await attempt(right, '192.0.2.1')).to.include({ proof: 'rateLimited', retryAfter: 1 });
    advance(1);
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('proven');
  });

  it('a proven secret resets the count of the client, not that of the address', async () => {
    const { attempt } = world();
    for (let i = 0; i < 4; i++) {
      await attempt('wrong', '192.0.2.1');
      await attempt('wrong', '192.0.2.1');
      expect((await attempt(right, '192.0.2.1')).proof).to.equal(i < 3 ? 'proven' : 'rateLimited');
    }
  });

  it('keeps a bounded number of counts: of those with the fewest failures the newest', async () => {
    const { attempt } = world();
    for (let i = 0; i < 2; i++) await attempt('wrong', '198.51.100.1');
    await attempt('wrong', '198.51.100.2');
    for (let i = 0; i < 99; i++) await attempt('wrong', `192.0.2.${i}`);
    // The only failure of 198.51.100.2 was dropped, those of 198.51.100.1 were not.
    for (const [last, proof] of [
      [1, 'rateLimited'],
      [2, 'proven'],
      [98, 'proven'],
    ] as const) {
      await attempt('wrong', `198.51.100.${last}`);
      if (last === 2) await attempt('wrong', '198.51.100.2');
      expect((await attempt(right, `198.51.100.${last}`)).proof).to.equal(proof);
    }
  });

  it('a whole /64 of IPv6 addresses counts as one', async () => {
    const { attempt } = world();
    for (let i = 1; i <= 3; i++) await attempt('wrong', `2001:db8::${i}`);
    expect((await attempt(right, '2001:db8:0:0:ffff::9')).proof).to.equal('rateLimited');
    expect((await attempt(right, '2001:db8:0:1::9')).proof).to.equal('proven');
  });

  it('IPv4 callers of a dual-stack listener count one by one, and as on an IPv4 listener', async () => {
    const { attempt } = world();
    for (let i = 0; i < 3; i++) await attempt('wrong', '::ffff:127.0.0.66');
    expect((await attempt(right, '127.0.0.66')).proof).to.equal('rateLimited');
    expect((await attempt(right, '::ffff:127.0.0.67')).proof).to.equal('proven');
  });

  it('the count starts again exactly at the end of the window', async () => {
    const { attempt, advance } = world();
    for (let i = 0; i < 3; i++) await attempt('wrong', '192.0.2.1');
    advance(59_999);
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('rateLimited');
    advance(1);
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('proven');
  });

  it('a successful authentication clears the count of the client at that address', async () => {
    const { attempt } = world();
    for (let i = 0; i < 6; i++) {
      await attempt('wrong', '192.0.2.1');
      await attempt(right, '192.0.2.1');
    }
    expect((await attempt(right, '192.0.2.1')).proof).to.equal('proven');
  });

  it('nothing is counted if the issuer does not limit failures', async () => {
    const { attempt } = world();
    for (let i = 0; i < 50; i++) await attempt('wrong', undefined);
    expect((await attempt(right, undefined)).proof).to.equal('proven');
  });
});

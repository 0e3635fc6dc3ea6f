import { expect } from 'chai';
import { remedyOf } from '../../adapters/library/outcomes.ts';
import { testClient, testGate } from '../../adapters/testing/testing.ts';
import { type RefusalReason, refusals } from '../../src/oauth/refusals.ts';

const post = (url: string, headers: Record<string, string> = {}) => {
  const { clientId: client_id, clientSecret: client_secret } = testClient;
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
  return new Request(url, { method: 'POST', body, headers });
};

describe('The remedies of a library', () => {
  for (const reason of Object.keys(refusals) as RefusalReason[]) {
    it(`${reason}: names no setting and no part that only the gate has`, () => {
      expect(remedyOf(refusals[reason])).not.to.match(/config\.|PORTCULLIS_|\bplugin\b|Admin API|\broute\b/);
    });
  }

  it('https_required: names the option and the address that a program can pass', async () => {
    const outcome = await testGate().exchange(post('http://127.0.0.1/token'));
    expect(outcome).to.have.property('remedy').that.includes('secure: true').and.includes('from');
  });
});

describe('A Request over plain HTTP (docs/decisions/0014)', () => {
  const gate = testGate();
  const loopback = { host: 'localhost:3000' };

  it('is accepted from this machine, if the program passes the address and Host is a loopback name', async () => {
    for (const from of ['127.0.0.1', '127.0.0.66', '::1', '::ffff:127.0.0.1']) {
      for (const host of ['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000']) {
        const request = post('http://orders.example/token', { host });
        expect(await gate.exchange(request, { from }), `${from} ${host}`).to.include({ state: 'issued' });
      }
    }
  });

  it('is refused without the address of the caller, whatever its URL and Host are', async () => {
    for (const url of ['http://127.0.0.1/token', 'http://localhost:3000/token', 'http://[::1]/token']) {
      expect(await gate.exchange(post(url, loopback)), url).to.include({ reason: 'https_required' });
    }
  });

  it('is refused from another machine, also when the Host is a loopback name', async () => {
    for (const from of ['192.0.2.1', '2001:db8::1', '', 'localhost', '0.0.0.0', 'unknown']) {
      expect(await gate.exchange(post('http://localhost/token', loopback), { from }), from).to.include({
        reason: 'https_required',
      });
    }
  });

  it('is refused where the Host is another name, or absent, whatever its URL is', async () => {
    const foreign = [{ host: 'evil.example' }, { host: 'localhost.evil.example' }, {}] as Record<string, string>[];
    for (const headers of foreign) {
      const request = post('http://127.0.0.1:3000/token', headers);
      expect(await gate.exchange(request, { from: '127.0.0.1' }), headers['host']).to.include({
        reason: 'https_required',
      });
    }
  });

  it('is refused if a proxy forwarded it', async () => {
    for (const name of ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'via']) {
      const request = post('http://localhost/token', { ...loopback, [name]: 'for=192.0.2.1' });
      expect(await gate.exchange(request, { from: '127.0.0.1' }), name).to.include({ reason: 'https_required' });
    }
  });

  it('is refused with secure: false, and accepted with secure: true', async () => {
    const from = '127.0.0.1';
    const refused = await gate.exchange(post('http://localhost/token', loopback), { from, secure: false });
    expect(refused).to.include({ reason: 'https_required' });
    expect(await gate.exchange(post('http://orders.example/token'), { secure: true })).to.include({ state: 'issued' });
  });
});

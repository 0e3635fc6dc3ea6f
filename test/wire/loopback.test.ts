import { expect } from 'chai';
import { isLoopbackCall } from '../../src/wire/loopback.ts';

const call = (peer: string, headers: Readonly<Record<string, string>>) => isLoopbackCall(peer, (name) => headers[name]);

describe('A request over plain HTTP', () => {
  it('TK-25: is safe from this machine, with a Host of this machine', () => {
    for (const peer of ['127.0.0.1', '127.8.0.9', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) {
      for (const host of [
        'localhost',
        'LOCALHOST:8000',
        'api.localhost',
        'a.b.localhost',
        'localhost.:8000',
        '[::ffff:127.0.0.1]',
        '127.0.0.1:8000',
        '127.1.2.3',
        '[::1]:8000',
      ]) {
        expect(call(peer, { host }), `${peer} ${host}`).to.equal(true);
      }
    }
  });

  it('TK-25: is not safe from another machine, whatever its Host', () => {
    for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '::2', '1127.0.0.1', '']) {
      expect(call(peer, { host: 'localhost' }), peer).to.equal(false);
    }
  });

  it('TK-25: is not safe with a Host that may belong to another machine', () => {
    for (const host of [
      'gate.example',
      'localhost.example',
      '127.0.0.1.example',
      '127.0.0.1:80junk',
      'localhost:99999',
      '.localhost',
      'xlocalhost',
      '[::2]',
      '',
    ]) {
      expect(call('127.0.0.1', { host }), host).to.equal(false);
    }
    expect(call('127.0.0.1', {})).to.equal(false);
  });

  it('TK-25: is not safe if a proxy forwards the request, even without the client address', () => {
    for (const name of ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'via']) {
      for (const value of ['127.0.0.1', 'https', '']) {
        expect(call('127.0.0.1', { host: 'localhost', [name]: value }), `${name}: ${value}`).to.equal(false);
      }
    }
  });
});

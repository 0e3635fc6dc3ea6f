import { expect } from 'chai';
import {
  fitsHostPattern,
  hostPattern,
  isHostName,
  isLoopbackHost,
  parseHost,
  parseHostAndPort,
  printedHostAndPort,
  serverNameFor,
} from '../../src/address/host.ts';

describe('A host', () => {
  for (const [text, host, port] of [
    ['gate.example', 'gate.example', undefined],
    ['Gate.EXAMPLE', 'gate.example', undefined],
    ['gate.example.', 'gate.example', undefined],
    ['.', '.', undefined],
    ['gate.example.:8443', 'gate.example', 8443],
    ['gate.example:', 'gate.example', undefined],
    ['localhost:0', 'localhost', 0],
    ['a_b.example:65535', 'a_b.example', 65535],
    ['192.0.2.1:80', '192.0.2.1', 80],
    ['[2001:DB8:0::1]:80', '2001:db8::1', 80],
    ['[::1]', '::1', undefined],
    ['[::ffff:127.0.0.1]', '127.0.0.1', undefined],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', undefined],
  ] as const) {
    it(`RFC 9110 §4.2.3: ${text} is ${host}${port === undefined ? '' : ` with port ${port}`}`, () => {
      expect(parseHostAndPort(text)).to.deep.equal({ host, port });
    });
  }

  for (const text of [
    ...['', ':80', 'gate.example:80junk', 'gate.example:junk', 'gate.example:65536', 'gate.example:123456', '::1'],
    ...['[::1', '[::1]80', '[gate.example]:80', '[1.2.3.4]', '[]', 'a b', 'user@gate.example', 'gate.example/path'],
    ...['gate.example:80:80', 'bücher.example', 'gate.example:-1', 'gate.example: 80'],
  ]) {
    it(`${JSON.stringify(text)} is none`, () => {
      expect(parseHostAndPort(text)).to.equal(undefined);
    });
  }

  it('needs no port, and without a port an IPv6 address needs no brackets', () => {
    for (const [text, host] of [
      ['Gate.Example.', 'gate.example'],
      ['0::1', '::1'],
      ['[0::1]', '::1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['gate.example:80', undefined],
      ['gate.example:', undefined],
      ['', undefined],
      ['a b', undefined],
    ] as const) {
      expect(parseHost(text), text).to.equal(host);
    }
  });

  it('RFC 6066 §3: is a server name of TLS, unless it is an address', () => {
    expect(serverNameFor('gate.example')).to.equal('gate.example');
    expect(serverNameFor('192.0.2.1')).to.equal('');
    expect(serverNameFor('::1')).to.equal('');
  });

  it('is printed with brackets where it is an IPv6 address', () => {
    expect(printedHostAndPort({ host: '::1', port: 80 })).to.equal('[::1]:80');
    expect(printedHostAndPort({ host: 'gate.example', port: 80 })).to.equal('gate.example:80');
    expect(printedHostAndPort({ host: '127.0.0.1', port: 80 })).to.equal('127.0.0.1:80');
  });

  it('RFC 1123 §2.1: is a name of letters, digits and hyphens', () => {
    for (const name of ['a', 'gate-1.example', '3com.example', 'A.b', 'a'.repeat(63), 'localhost']) {
      expect(isHostName(name), name).to.equal(true);
    }
    const tooLong = Array.from({ length: 64 }, () => 'abcd').join('.');
    for (const name of ['', '-a', 'a-', 'a..b', 'a_b', 'a.', '*', 'a.1', '1', '1.2.3.4', 'a'.repeat(64), tooLong]) {
      expect(isHostName(name), name).to.equal(false);
    }
  });

  it('RFC 6761 §6.3: is this machine by a loopback address, localhost or a name within .localhost', () => {
    for (const host of ['localhost', 'api.localhost', 'a.b.localhost', '127.0.0.1', '127.9.9.9', '::1']) {
      expect(isLoopbackHost(host), host).to.equal(true);
    }
    for (const host of ['', 'xlocalhost', 'localhost.example', '.localhost', '127.0.0.1.example', '127.1', '::2']) {
      expect(isLoopbackHost(host), host).to.equal(false);
    }
  });

  describe('fits a pattern', () => {
    const fits = (pattern: string, host: string) => fitsHostPattern(hostPattern(pattern), host);

    it('that names it, in any case and with or without the final dot', () => {
      expect(fits('Gate.Example.', 'gate.example')).to.equal(true);
      expect(fits('gate.example:8443', 'gate.example')).to.equal(true);
      expect(fits('gate.example', 'a.gate.example')).to.equal(false);
      expect(fits('[0::1]:80', '::1')).to.equal(true);
      expect(fits('0::1', '::1')).to.equal(true);
    });

    it('with a wildcard in the place of the first or the last label', () => {
      expect(fits('*.Example', 'a.b.example')).to.equal(true);
      expect(fits('*.example', 'example')).to.equal(false);
      expect(fits('Gate.*', 'gate.example')).to.equal(true);
      expect(fits('gate.*', 'agate.example')).to.equal(false);
    });

    it('and the pattern keeps its port apart', () => {
      expect(hostPattern('*.example:8443')).to.deep.equal({ match: 'ends', text: '.example', port: 8443 });
      expect(hostPattern('[::1]:8443')).to.deep.equal({ match: 'exact', text: '::1', port: 8443 });
      expect(hostPattern('gate.*')).to.deep.equal({ match: 'begins', text: 'gate.', port: undefined });
    });
  });
});

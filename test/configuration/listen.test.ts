import { expect } from 'chai';
import fc from 'fast-check';
import { type Listen, readListens } from '../../adapters/configuration/listen.ts';
import { parseHost, printedHostAndPort } from '../../src/address/host.ts';

describe('A listener', () => {
  it('is a host, a port and flags', () => {
    expect(only('0.0.0.0:8443 ssl http2 reuseport backlog=16384 ipv6only=on so_keepalive=on')).to.deep.equal({
      host: '0.0.0.0',
      port: 8443,
      ssl: true,
      http2: true,
      reusePort: true,
      backlog: 16_384,
      ipv6Only: true,
      keepAlive: true,
      keepAliveDelay: undefined,
      ineffective: [],
    });
  });

  it('has an IPv6 address in brackets', () => {
    expect(only('[::1]:8000')).to.include({ host: '::1', port: 8000 });
    expect(problem('::1:8000')).to.match(/in brackets/);
    expect(problem('[127.0.0.1]:8000')).to.match(/no IPv6 address between the brackets/);
  });

  it('may have a name, or port 0', () => {
    expect(only('localhost:0')).to.include({ host: 'localhost', port: 0 });
    expect(only('gate-1.example.org:80')).to.include({ host: 'gate-1.example.org' });
  });

  it('is one of several, or none at all', () => {
    expect(read('127.0.0.1:1,127.0.0.1:2  ssl ,[::1]:1')).to.have.length(3);
    expect(read('127.0.0.1:0, 127.0.0.1:0')).to.have.length(2);
    expect(read('off')).to.deep.equal([]);
  });

  it('takes the times of so_keepalive as nginx does', () => {
    expect(only('a:1 so_keepalive=off')).to.include({ keepAlive: false });
    expect(only('a:1 so_keepalive=30m::')).to.deep.include({
      keepAlive: true,
      keepAliveDelay: 1_800_000,
      ineffective: [],
    });
    expect(only('a:1 so_keepalive=30m::10').ineffective).to.deep.equal(['interval and count of so_keepalive']);
    expect(only('a:1 so_keepalive=:5:').keepAliveDelay).to.equal(undefined);
  });

  it('lists the flags of Kong that have no effect', () => {
    expect(only('a:1 deferred bind').ineffective).to.deep.equal(['deferred', 'bind']);
  });

  for (const [text, says] of [
    ['8000', /no host and port; write host:port/],
    ['0.0.0.0', /no host and port/],
    [':8000', /for all interfaces write 0\.0\.0\.0:8000/],
    ['*:8000', /for all interfaces write 0\.0\.0\.0:8000/],
    ['0.0.0.0:65536', /above 65535/],
    ['1.2.3.999:80', /neither an address nor a host name/],
    ['-a:80', /neither an address nor a host name/],
    ['a..b:80', /neither an address nor a host name/],
    ['http://a:80', /in brackets|neither an address/],
    ['a:1,', /before or after a comma/],
    ['', /before or after a comma/],
    ['a:1, a:1', /a:1 is given twice/],
    ['a:1 ssl2', /"ssl2" is not a flag of a listener; the flags are ssl, http2/],
    ['a:1 ssl=on', /"ssl=on" is not a flag/],
    ['a:1 backlog=many', /backlog= takes a number/],
    ['a:1 backlog=0', /backlog= takes a number/],
    ['a:1 so_keepalive=', /takes on, off, or idle/],
    ['a:1 so_keepalive=::', /takes on, off, or idle/],
    ['a:1 proxy_protocol', /proxy_protocol is not supported/],
  ] as const) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(problem(text)).to.match(says);
    });
  }

  it('is read in normal form', () => {
    expect(only('[2001:DB8:0::1]:80')).to.include({ host: '2001:db8::1' });
    expect(only('[::ffff:127.0.0.1]:80')).to.include({ host: '127.0.0.1' });
    expect(only('LocalHost:80')).to.include({ host: 'localhost' });
    expect(only('[fe80::1%eth0]:80')).to.include({ host: 'fe80::1%eth0' });
    expect(problem('LocalHost:80, localhost:80')).to.match(/localhost:80 is given twice/);
  });

  it('is read again from its printed form', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'a.example.org'));
    fc.assert(
      fc.property(host, fc.nat(65_535), (host, port) => {
        expect(only(printedHostAndPort({ host, port }))).to.include({ host: parseHost(host), port });
      }),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]:,. =0189afoslk\t\n*-') }), (text) => {
        const reading = readListens(text);
        expect(reading).to.satisfy(() => 'value' in reading || reading.problem.length > 0);
      }),
    );
  });
});

function read(text: string): readonly Listen[] {
  const reading = readListens(text);
  if ('problem' in reading) throw new Error(reading.problem);
  return reading.value;
}

function only(text: string): Listen {
  const [first, ...more] = read(text);
  expect(more).to.deep.equal([]);
  return first!;
}

function problem(text: string): string {
  const reading = readListens(text);
  if ('value' in reading) throw new Error(`${text} was accepted`);
  return reading.problem;
}

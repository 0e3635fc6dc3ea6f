import { expect } from 'chai';
import { type Networks, parseNetworks } from '../../src/address/ip-address.ts';
import { clientAddress, forwardedFields, forwardedHost } from '../../src/gateway/forwarded.ts';
import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import { request } from './request.ts';

function networks(...list: readonly string[]): Networks {
  const parsed = parseNetworks(list);
  if ('invalid' in parsed) throw new Error(parsed.invalid);
  return parsed;
}

function told(sent: ProxiedRequest, strippedPrefix?: string): Record<string, string> {
  const address = sent.peerTrusted ? clientAddress(sent, networks('127.0.0.1')) : sent.peer;
  const fields = forwardedFields(sent, { clientAddress: address, strippedPrefix });
  return Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), fields[i + 1]!]] : [])));
}

const said = {
  'X-Forwarded-For': '9.9.9.9',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'h.example',
  'X-Forwarded-Port': '99',
  'X-Forwarded-Path': '/fp',
  'X-Forwarded-Prefix': '/p',
  'X-Real-IP': '8.8.8.8',
  'X-Kong-Request-Id': 'mine',
  Via: '1.1 me',
};

describe('What an upstream is told of where a request came from', () => {
  it('routing/match:1: the peer, scheme, port, host and path', () => {
    expect(told(request('GET /a/x?q=1', { Host: 'H.Example:99' }), '/a')).to.deep.equal({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'h.example',
      'x-forwarded-port': '8000',
      'x-forwarded-path': '/a/x',
      'x-forwarded-prefix': '/a',
      'x-real-ip': '127.0.0.1',
      'x-kong-request-id': '0123456789abcdef0123456789abcdef',
      via: '1.1 kong/3.9.1',
    });
  });

  it('the path as it was sent (routing/match:28-38)', () => {
    for (const path of ['//a', '/a/./b', '/%61', '/a%2fb/c', '/a#f']) {
      expect(told(request(`GET ${path}`))).to.have.property('x-forwarded-path', path);
    }
  });

  it('no prefix where none was taken away, or only the slash', () => {
    expect(told(request('GET /'))).to.not.have.property('x-forwarded-prefix');
    expect(told(request('GET /'), '/')).to.not.have.property('x-forwarded-prefix');
  });

  it('untrusted/https:8, RS-11: nothing of what an untrusted peer says, but X-Forwarded-For and Via grow', () => {
    expect(told(request('GET /api/x', said), '/api')).to.deep.equal({
      'x-forwarded-for': '9.9.9.9, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': '127.0.0.1',
      'x-forwarded-port': '8000',
      'x-forwarded-path': '/api/x',
      'x-forwarded-prefix': '/api',
      'x-real-ip': '127.0.0.1',
      'x-kong-request-id': '0123456789abcdef0123456789abcdef',
      via: '1.1 me, 1.1 kong/3.9.1',
    });
  });

  it('bearer/upstream-headers:1: all of what a trusted peer says', () => {
    expect(told(request('GET /api/x', said, { peerTrusted: true }), '/api')).to.deep.equal({
      'x-forwarded-for': '9.9.9.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'h.example',
      'x-forwarded-port': '99',
      'x-forwarded-path': '/fp',
      'x-forwarded-prefix': '/p',
      'x-real-ip': '8.8.8.8',
      'x-kong-request-id': '0123456789abcdef0123456789abcdef',
      via: '1.1 me, 1.1 kong/3.9.1',
    });
  });

  it('of a trusted peer that says nothing the same as of others', () => {
    const empty = { 'X-Forwarded-Proto': '', 'X-Forwarded-Host': '', 'X-Real-IP': 'no address' };
    const plain = told(request('GET /a'), '/a');
    expect(told(request('GET /a', {}, { peerTrusted: true }), '/a')).to.deep.equal(plain);
    expect(told(request('GET /a', empty, { peerTrusted: true }), '/a')).to.deep.equal(plain);
  });

  it('of a trusted peer that names a client in X-Forwarded-For alone: itself as X-Real-IP, as Kong does', () => {
    const headers = told(request('GET /a', { 'X-Forwarded-For': '1.2.3.4' }, { peerTrusted: true }), '/a');
    expect(headers).to.include({ 'x-forwarded-for': '1.2.3.4, 127.0.0.1', 'x-real-ip': '127.0.0.1' });
  });

  it('the host without its port, an address with its brackets', () => {
    for (const [sent, host] of [
      ['h.example:80', 'h.example'],
      ['H.Example.', 'h.example'],
      ['[::1]:80', '[::1]'],
      ['[0::1]', '[::1]'],
      ['h.example:80junk', ''],
      ['1.2.3.4:80junk', ''],
    ] as const) {
      expect(forwardedHost(request('GET /', { Host: sent })), sent).to.equal(host);
    }
    expect(forwardedHost(request('GET /', { Host: '' }))).to.equal('');
    expect(told(request('GET /', { Host: '' }))).to.not.have.property('x-forwarded-host');
  });
});

describe('The address of a client', () => {
  const trusted = networks('127.0.0.1', '10.0.0.0/8', 'fd00::/8');
  const of = (headers: Record<string, string | string[]>, peerTrusted = true, by?: 'x-real-ip' | 'x-forwarded-for') =>
    clientAddress(request('GET /', headers, { peer: '127.0.0.1', peerTrusted }), trusted, by);

  for (const [what, forwardedFor, address] of [
    ['the one before the trusted peer', '1.2.3.4', '1.2.3.4'],
    ['the last that is no trusted proxy', '6.6.6.6, 1.2.3.4, 10.1.1.1', '1.2.3.4'],
    ['the first where all are trusted', '10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['in IPv6', '6.6.6.6, 2001:db8::1, fd00::7', '2001:db8::1'],
    ['with a port', '6.6.6.6, 1.2.3.4:5678', '1.2.3.4'],
    ['with brackets and a port', '[2001:db8::1]:443, 10.0.0.1', '2001:db8::1'],
    ['not what stands before something that is no address', '6.6.6.6, unknown, 10.0.0.1', '10.0.0.1'],
    ['in normal form', '::ffff:1.2.3.4', '1.2.3.4'],
    ['in normal form in IPv6', '[2001:DB8:0::1]:443', '2001:db8::1'],
    ['not what has junk after its port', '6.6.6.6, 1.2.3.4:80junk', '127.0.0.1'],
    ['the peer itself where nothing is an address', 'unknown', '127.0.0.1'],
    ['the peer itself where nothing is said', ',', '127.0.0.1'],
  ] as const) {
    it(`is ${what}: ${forwardedFor}`, () => {
      expect(of({ 'X-Forwarded-For': forwardedFor })).to.equal(address);
    });
  }

  it('is found in several lines as in one', () => {
    expect(of({ 'X-Forwarded-For': ['6.6.6.6', '1.2.3.4, 10.0.0.1'] })).to.equal('1.2.3.4');
  });

  it('is what X-Real-IP says, where only that is there, or only that is asked', () => {
    expect(of({ 'X-Real-IP': '5.6.7.8' })).to.equal('5.6.7.8');
    expect(of({ 'X-Real-IP': '5.6.7.8', 'X-Forwarded-For': '1.2.3.4' })).to.equal('1.2.3.4');
    expect(of({ 'X-Real-IP': '5.6.7.8', 'X-Forwarded-For': '1.2.3.4' }, true, 'x-real-ip')).to.equal('5.6.7.8');
    expect(of({ 'X-Forwarded-For': '1.2.3.4' }, true, 'x-real-ip')).to.equal('127.0.0.1');
    expect(of({ 'X-Real-IP': '5.6.7.8, 1.1.1.1' })).to.equal('127.0.0.1');
  });

  it('is the peer where that is not trusted, whatever it says', () => {
    expect(of({ 'X-Forwarded-For': '1.2.3.4', 'X-Real-IP': '5.6.7.8' }, false)).to.equal('127.0.0.1');
  });
});

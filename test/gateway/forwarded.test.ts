import { expect } from 'chai';
import { type Networks, parseNetworks } from '../../src/address/ip-address.ts';
import { clientAddress, forwardedFields, forwardedHost, type RealIp } from '../../src/gateway/forwarded.ts';
import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import { request } from './request.ts';

function networks(...list: readonly string[]): Networks {
  const parsed = parseNetworks(list);
  if ('invalid' in parsed) throw new Error(parsed.invalid);
  return parsed;
}

function forwarded(sent: ProxiedRequest, strippedPrefix?: string): Record<string, string> {
  const address = sent.peerTrusted ? clientAddress(sent, networks('127.0.0.1')) : sent.peer;
  const fields = forwardedFields(sent, { clientAddress: address, strippedPrefix });
  return Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), fields[i + 1]!]] : [])));
}

const sentHeaders = {
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

describe('The headers that say where a request came from', () => {
  it('routing/match:1: the peer, scheme, port, host and path', () => {
    expect(forwarded(request('GET /a/x?q=1', { Host: 'H.Example:99' }), '/a')).to.deep.equal({
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
      expect(forwarded(request(`GET ${path}`))).to.have.property('x-forwarded-path', path);
    }
  });

  it('no prefix where none was stripped, or only the slash', () => {
    expect(forwarded(request('GET /'))).to.not.have.property('x-forwarded-prefix');
    expect(forwarded(request('GET /'), '/')).to.not.have.property('x-forwarded-prefix');
  });

  it('untrusted/https:8, RS-11: replace those of an untrusted peer, but extend X-Forwarded-For and Via', () => {
    expect(forwarded(request('GET /api/x', sentHeaders), '/api')).to.deep.equal({
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

  it('bearer/upstream-headers:1: keep those of a trusted peer', () => {
    expect(forwarded(request('GET /api/x', sentHeaders, { peerTrusted: true }), '/api')).to.deep.equal({
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

  it('are the same for a trusted peer that sends none', () => {
    const empty = { 'X-Forwarded-Proto': '', 'X-Forwarded-Host': '', 'X-Real-IP': 'no address' };
    const plain = forwarded(request('GET /a'), '/a');
    expect(forwarded(request('GET /a', {}, { peerTrusted: true }), '/a')).to.deep.equal(plain);
    expect(forwarded(request('GET /a', empty, { peerTrusted: true }), '/a')).to.deep.equal(plain);
  });

  it('have the trusted peer as X-Real-IP if it sends only X-Forwarded-For, as Kong does', () => {
    const headers = forwarded(request('GET /a', { 'X-Forwarded-For': '1.2.3.4' }, { peerTrusted: true }), '/a');
    expect(headers).to.include({ 'x-forwarded-for': '1.2.3.4, 127.0.0.1', 'x-real-ip': '127.0.0.1' });
  });

  it('have the host in normal form without its port, an IPv6 address in brackets', () => {
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
    expect(forwarded(request('GET /', { Host: '' }))).to.not.have.property('x-forwarded-host');
  });
});

describe('The address of a client', () => {
  const trusted = networks('127.0.0.1', '10.0.0.0/8', 'fd00::/8');
  const forwardedFor = { header: 'x-forwarded-for', recursive: true };
  const of = (headers: Record<string, string | string[]>, by?: RealIp, peerTrusted = true) =>
    clientAddress(request('GET /', headers, { peer: '127.0.0.1', peerTrusted }), trusted, by);

  for (const [what, said, address] of [
    ['the one before the trusted peer', '1.2.3.4', '1.2.3.4'],
    ['the last that is not a trusted proxy', '6.6.6.6, 1.2.3.4, 10.1.1.1', '1.2.3.4'],
    ['the first where all are trusted', '10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['in IPv6', '6.6.6.6, 2001:db8::1, fd00::7', '2001:db8::1'],
    ['with a port', '6.6.6.6, 1.2.3.4:5678', '1.2.3.4'],
    ['with brackets and a port', '[2001:db8::1]:443, 10.0.0.1', '2001:db8::1'],
    ['none before an entry that is no address', '6.6.6.6, unknown, 10.0.0.1', '10.0.0.1'],
    ['in normal form', '::ffff:1.2.3.4', '1.2.3.4'],
    ['in normal form in IPv6', '[2001:DB8:0::1]:443', '2001:db8::1'],
    ['none with junk after its port', '6.6.6.6, 1.2.3.4:80junk', '127.0.0.1'],
    ['the peer where no entry is an address', 'unknown', '127.0.0.1'],
    ['the peer where all entries are empty', ',', '127.0.0.1'],
  ] as const) {
    it(`is ${what}: ${said}`, () => {
      expect(of({ 'X-Forwarded-For': said }, forwardedFor)).to.equal(address);
      expect(of({ 'X-Client': said }, { header: 'x-client', recursive: true })).to.equal(address);
    });
  }

  it('is found in several header lines as in one', () => {
    expect(of({ 'X-Forwarded-For': ['6.6.6.6', '1.2.3.4, 10.0.0.1'] }, forwardedFor)).to.equal('1.2.3.4');
  });

  it('is the last one in X-Real-IP unless a setting says otherwise (Kong)', () => {
    expect(of({ 'X-Real-IP': '5.6.7.8' })).to.equal('5.6.7.8');
    expect(of({ 'X-Real-IP': '10.9.9.9', 'X-Forwarded-For': '10.1.1.1' })).to.equal('10.9.9.9');
    expect(of({ 'X-Forwarded-For': '1.2.3.4' })).to.equal('127.0.0.1');
    expect(of({ 'X-Real-IP': '5.6.7.8, 1.1.1.1' })).to.equal('1.1.1.1');
    expect(of({ 'X-Real-IP': '5.6.7.8, 10.1.1.1' })).to.equal('10.1.1.1');
    expect(of({ 'X-Real-IP': '5.6.7.8:80' })).to.equal('5.6.7.8');
    expect(of({ 'X-Real-IP': 'unknown' })).to.equal('127.0.0.1');
    expect(of({ 'X-Real-IP': '' })).to.equal('127.0.0.1');
  });

  it('is the last one in the header, trusted or not, without real_ip_recursive', () => {
    const last = { header: 'x-forwarded-for', recursive: false };
    expect(of({ 'X-Forwarded-For': '6.6.6.6, 1.2.3.4, 10.1.1.1' }, last)).to.equal('10.1.1.1');
    expect(of({ 'X-Forwarded-For': '6.6.6.6, 1.2.3.4', 'X-Real-IP': '5.6.7.8' }, last)).to.equal('1.2.3.4');
  });

  it('is the peer if that is not trusted, whatever it sends', () => {
    expect(of({ 'X-Forwarded-For': '1.2.3.4', 'X-Real-IP': '5.6.7.8' }, undefined, false)).to.equal('127.0.0.1');
    expect(of({ 'X-Forwarded-For': '1.2.3.4' }, forwardedFor, false)).to.equal('127.0.0.1');
  });
});

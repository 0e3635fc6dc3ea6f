import { expect } from 'chai';
import { upstreamOf } from '../../src/balancer/upstream.ts';
import { hashInput } from '../../src/gateway/hash-input.ts';
import type { Exchange } from '../../src/gateway/plugin.ts';
import { type Fields, upstreamRow } from '../balancer/rows.ts';
import { request } from './request.ts';

function exchange(line: string, headers: Record<string, string> = {}, also: Partial<Exchange> = {}): Exchange {
  const asked = request(line, headers);
  return {
    request: asked,
    requestId: asked.requestId,
    clientAddress: '192.0.2.7',
    routeId: 'r1',
    serviceId: 's1',
    path: asked.target.split('?')[0]!,
    captures: undefined,
    identity: undefined,
    refusal: undefined,
    clientId: undefined,
    ...also,
  };
}

const alice = { id: 'c-1', username: 'alice', customId: undefined };
const hashing = { algorithm: 'consistent-hashing' };
const key = (fields: Fields, of: Exchange) => hashInput(upstreamOf(upstreamRow({ ...hashing, ...fields })), of).key;

describe('The value that is hashed', () => {
  it('none: no value', () => {
    expect(key({}, exchange('GET /'))).to.equal(undefined);
  });

  it('with another algorithm: no value and no cookie', () => {
    const upstream = upstreamOf(upstreamRow({ algorithm: 'round-robin', hash_on: 'cookie', hash_on_cookie: 'node' }));
    expect(hashInput(upstream, exchange('GET /'))).to.deep.equal({ key: undefined, setCookie: undefined });
  });

  it('consumer: its id, or else that of the credential', () => {
    const by = { hash_on: 'consumer' };
    const credential = { id: 'k-1', identifier: 'app' };
    const of = (consumer: typeof alice | undefined) =>
      exchange('GET /', {}, { identity: { consumer, anonymous: false, credential } });
    expect(key(by, of(alice))).to.equal('c-1');
    expect(key(by, of(undefined))).to.equal('k-1');
    expect(key(by, exchange('GET /'))).to.equal(undefined);
  });

  it('ip: the client’s address', () => {
    expect(key({ hash_on: 'ip' }, exchange('GET /'))).to.equal('192.0.2.7');
  });

  it('header: its value, whatever the case of the name', () => {
    const by = { hash_on: 'header', hash_on_header: 'X-Tenant' };
    expect(key(by, exchange('GET /', { 'x-tenant': 'blue' }))).to.equal('blue');
    expect(key(by, exchange('GET /'))).to.equal(undefined);
  });

  it('path: without the query', () => {
    expect(key({ hash_on: 'path' }, exchange('GET /a/b?c=d'))).to.equal('/a/b');
  });

  it('query_arg: its value; the order of several does not matter', () => {
    const by = { hash_on: 'query_arg', hash_on_query_arg: 'u' };
    expect(key(by, exchange('GET /?x=1&u=alice'))).to.equal('alice');
    expect(key(by, exchange('GET /?u=b&u=a'))).to.equal(key(by, exchange('GET /?u=a&u=b')));
    expect(key(by, exchange('GET /?u=a&u=b')), 'each value counts').to.not.equal(key(by, exchange('GET /?u=a&u=c')));
    expect(key(by, exchange('GET /?x=1'))).to.equal(undefined);
    expect(key(by, exchange('GET /'))).to.equal(undefined);
    expect(key(by, exchange('GET /u=alice&u=bob')), 'not in the path').to.equal(undefined);
  });

  it('uri_capture: the text of the group, by name or number', () => {
    const captures = () => ({ numbered: ['/o/7', '7'], named: new Map([['id', '7']]) });
    const of = exchange('GET /o/7', {}, { captures });
    expect(key({ hash_on: 'uri_capture', hash_on_uri_capture: 'id' }, of)).to.equal('7');
    expect(key({ hash_on: 'uri_capture', hash_on_uri_capture: '1' }, of)).to.equal('7');
    expect(key({ hash_on: 'uri_capture', hash_on_uri_capture: 'none' }, of)).to.equal(undefined);
  });

  it('cookie: its value; if there is none, the response sets one', () => {
    const by = upstreamOf(
      upstreamRow({ ...hashing, hash_on: 'cookie', hash_on_cookie: 'node', hash_on_cookie_path: '/shop' }),
    );
    const had = exchange('GET /', { Cookie: 'a=b; node=seven; nodes=8' });
    expect(hashInput(by, had)).to.deep.equal({ key: 'seven', setCookie: undefined });
    const without = exchange('GET /');
    const { key, setCookie } = hashInput(by, without);
    expect(setCookie).to.equal(`node=${key}; Path=/shop; SameSite=Lax; HttpOnly`);
  });

  it('the fallback, if the request has no such value', () => {
    const by = { hash_on: 'consumer', hash_fallback: 'header', hash_fallback_header: 'x-tenant' };
    expect(key(by, exchange('GET /', { 'x-tenant': 'blue' }))).to.equal('blue');
    const identity = { consumer: alice, anonymous: false, credential: undefined };
    expect(key(by, exchange('GET /', { 'x-tenant': 'blue' }, { identity }))).to.equal('c-1');
    expect(key(by, exchange('GET /'))).to.equal(undefined);
  });
});

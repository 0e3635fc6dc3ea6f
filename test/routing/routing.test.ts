import { expect } from 'chai';
import { type Configuration, compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import type { Match } from '../../src/gateway/snapshot.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { request } from '../gateway/request.ts';

type Fields = Readonly<Record<string, Json>>;

/** A service for each route, named after it; its path shows which one was matched. */
function routing(routes: Readonly<Record<string, Fields>>, services: Readonly<Record<string, Fields>> = {}) {
  const names = Object.keys(routes);
  const id = (i: number) => `00000000-0000-4000-8000-${String(i + 1).padStart(12, '0')}`;
  return compileSnapshot({
    services: names.map((name, i) => service({ id: id(i), name, path: `/${name}`, ...services[name] })),
    routes: names.map((name, i) => route({ id: id(i), service: { id: id(i) }, ...routes[name] })),
    plugins: [],
    definitions: new Map(),
    tools: {} as Configuration['tools'],
  });
}

function service(fields: Fields): Entity {
  return { id: '', protocol: 'http', host: 'upstream.example', port: 80, enabled: true, ...fields } as Entity;
}

function route(fields: Fields): Entity {
  const defaults = {
    ...{ methods: null, hosts: null, paths: null, headers: null, snis: null, protocols: ['http', 'https'] },
    ...{ strip_path: true, preserve_host: false, regex_priority: 0, path_handling: 'v0' },
    https_redirect_status_code: 426,
  };
  return { id: '', ...defaults, ...fields } as Entity;
}

function isMatch(found: object): found is Match {
  return 'hooks' in found;
}

/** The path that the upstream receives, or the status of the response. */
function goesTo(snapshot: ReturnType<typeof routing>, sent: ProxiedRequest): string | number {
  const found = snapshot.match(sent);
  return isMatch(found) ? found.upstreamTarget : found.status;
}

describe('The router', () => {
  describe('finds the route (routing/match)', () => {
    const snapshot = routing({
      prefix: { paths: ['/a'] },
      longest: { paths: ['/a/b/c'] },
      regex: { paths: ['~/a/\\d+$'] },
      host: { hosts: ['h.example'] },
      wild: { hosts: ['*.w.example'] },
      wildend: { hosts: ['x.*'] },
      hostpath: { hosts: ['h.example'], paths: ['/a'] },
      delete: { methods: ['DELETE'], paths: ['/a'] },
      header: { headers: { 'x-v': ['1', 'two'] }, paths: ['/a'] },
      patch: { methods: ['PATCH'] },
    });
    const table: readonly (readonly [string, Readonly<Record<string, string>>, string | number])[] = [
      ['GET /a', {}, '/prefix'],
      ['GET /a/x', {}, '/prefix/x'],
      ['GET /ab', {}, '/prefix/b'],
      ['GET /a/b/c/d', {}, '/longest/d'],
      ['GET /a/b', {}, '/prefix/b'],
      ['GET /a/12', {}, '/regex'],
      ['GET /a/12/', {}, '/prefix/12/'],
      ['GET /', {}, 404],
      ['GET /none', {}, 404],
      ['GET /A', {}, 404],
      ['GET /none', { Host: 'h.example' }, '/host/none'],
      ['GET /a', { Host: 'h.example' }, '/hostpath'],
      // Kong compares hosts with case and matches `/prefix`.
      ['GET /a', { Host: 'H.EXAMPLE' }, '/hostpath'],
      ['GET /none', { Host: 'h.example:99' }, '/host/none'],
      ['GET /none', { Host: 'q.w.example' }, '/wild/none'],
      ['GET /none', { Host: 'w.example' }, 404],
      ['GET /none', { Host: 'x.anything' }, '/wildend/none'],
      ['GET /none', { Host: 'other.example' }, 404],
      ['DELETE /a', {}, '/delete'],
      ['DELETE /a/12', {}, '/regex'],
      ['GET /a', { 'X-V': '1' }, '/header'],
      ['GET /a', { 'x-v': 'TWO' }, '/header'],
      ['GET /a', { 'X-V': '3' }, '/prefix'],
      ['DELETE /a', { 'X-V': '1' }, '/header'],
      ['PATCH /zzz', {}, '/patch/zzz'],
      ['POST /none', {}, 404],
      ['OPTIONS /a', {}, '/prefix'],
      ['GET //a', {}, '/prefix'],
      ['GET /a//b', {}, '/prefix/b'],
      ['GET /a/../none', {}, 404],
      ['GET /a/./b', {}, '/prefix/b'],
      ['GET /%61', {}, '/prefix'],
      ['GET /a%2Fb', {}, '/prefix/%2Fb'],
      ['GET /a%2fb/c', {}, '/prefix/%2Fb/c'],
      ['GET /a/b%20c', {}, '/prefix/b%20c'],
      ['GET /a?x=1&y', {}, '/prefix?x=1&y'],
      ['GET /a?', {}, '/prefix?'],
      ['GET /a#f', {}, '/prefix/#f'],
      ['GET /a/%C3%A9', {}, '/prefix/%C3%A9'],
      ['GET /a/;p=1', {}, '/prefix/;p=1'],
      ['GET /a/+', {}, '/prefix/+'],
      ['GET /a/%2e%2e/none', {}, 404],
    ];
    for (const [i, [line, headers, expected]] of table.entries()) {
      it(`routing/match:${i + 1}: ${line}${JSON.stringify(headers)} to ${expected}`, () => {
        expect(goesTo(snapshot, request(line, headers))).to.equal(expected);
      });
    }
  });

  describe('chooses the same of two matching routes as Kong (routing/priority)', () => {
    const regex = { paths: ['~/a/\\d+$'] };
    const plain = { paths: ['/a'] };
    const oneHeader = { headers: { 'x-a': ['1'] } };
    const wild = { hosts: ['*.example'] };
    const host = { hosts: ['h.example'] };
    const get = { methods: ['GET'] };
    const pairs: readonly (readonly [one: Fields, two: Fields, won: 'one' | 'two', why: string])[] = [
      [regex, { ...plain, ...get }, 'one', 'a regex goes before more criteria'],
      [regex, { ...plain, ...get, ...oneHeader }, 'one', 'even three'],
      [regex, { ...plain, ...host }, 'two', 'a plain host goes before a regex'],
      [regex, host, 'two', 'alone too'],
      [regex, { ...plain, ...wild }, 'one', 'a wildcard does not'],
      [regex, { ...plain, ...wild, ...get, ...oneHeader }, 'two', 'four criteria go before a regex'],
      [host, { ...plain, ...get }, 'one', 'a plain host goes before two criteria'],
      [host, { ...plain, ...get, ...oneHeader }, 'one', 'and before three'],
      [host, wild, 'one', 'and before a wildcard'],
      [{ hosts: ['h.example', '*.x'] }, { ...plain, ...get }, 'two', 'one wildcard makes all hosts wild'],
      [{ hosts: ['h.*'] }, wild, 'two', 'of equals the larger id'],
      [wild, { paths: ['/a/12'] }, 'two', 'a path goes before a wildcard, being longer'],
      [get, plain, 'two', 'and before a method'],
      [oneHeader, plain, 'one', 'a header before a path'],
      [oneHeader, { ...plain, ...get }, 'two', 'two criteria before one'],
      [{ ...plain, ...oneHeader }, { ...plain, ...get }, 'one', 'of two criteria the header'],
      [{ ...plain, headers: { 'x-a': ['1'], 'x-b': ['1'] } }, { ...plain, ...oneHeader }, 'one', 'more headers'],
      [{ ...regex, regex_priority: 1 }, { ...regex, ...oneHeader }, 'two', 'criteria before regex_priority'],
      [{ ...regex, regex_priority: 3 }, { paths: ['~/a/.*'], regex_priority: 2 }, 'one', 'the larger regex_priority'],
      [{ ...regex, regex_priority: 2000 }, { paths: ['~/a/.*'], ...get }, 'two', 'criteria before the largest of them'],
      [{ paths: ['~/a/.*'] }, regex, 'two', 'of equal regexes the larger id'],
      [{ ...plain, ...get }, { paths: ['/a/12'] }, 'one', 'criteria before the longer path'],
      [{ paths: ['/a/12', '/zzzzzzzzzzzzzzzzzz'] }, { paths: ['/a/1'] }, 'one', 'the longer path'],
      [plain, { ...plain, protocols: ['http'] }, 'two', 'protocols do not count'],
    ];
    const sent = request('GET /a/12', { Host: 'h.example', 'X-A': '1', 'X-B': '1' });
    for (const [i, [one, two, won, why]] of pairs.entries()) {
      it(`routing/priority:${i + 1}: ${why}`, () => {
        expect(String(goesTo(routing({ one, two }), sent)).split('/')[1]).to.equal(won);
      });
    }

    it('and ranks each path of a route separately', () => {
      const snapshot = routing({ many: { paths: ['/', '/a/b/c', '~/x/\\d'] }, one: { paths: ['/a'] } });
      expect(goesTo(snapshot, request('GET /a/b/c'))).to.equal('/many');
      expect(goesTo(snapshot, request('GET /a/b'))).to.equal('/one/b');
      expect(goesTo(snapshot, request('GET /b'))).to.equal('/many/b');
      expect(goesTo(snapshot, request('GET /x/1/2'))).to.equal('/many/2');
    });
  });

  describe('matches', () => {
    it('RFC 9110 §4.2.3: a host in any case, and RFC 1034 §3.1: with or without the final dot', () => {
      const snapshot = routing({
        a: { hosts: ['Gate.Example'] },
        b: { hosts: ['*.W.example'] },
        c: { hosts: ['X.*'] },
      });
      for (const [sent, place] of [
        ['gate.example', '/a'],
        ['GATE.example.', '/a'],
        ['Gate.Example.:80', '/a'],
        ['q.w.EXAMPLE.', '/b'],
        ['x.Anything', '/c'],
        ['gate.example..', 404],
        ['gate.example:80junk', 404],
      ] as const) {
        expect(goesTo(snapshot, request('GET /', { Host: sent })), sent).to.equal(place);
      }
    });

    it('a port if a host has one: that in Host, or that of the listener', () => {
      const snapshot = routing({
        a: { hosts: ['h.example:8443'] },
        b: { hosts: ['*.w.example:1'] },
        c: { hosts: ['[::1]'] },
      });
      expect(goesTo(snapshot, request('GET /', { Host: 'h.example:8443' }))).to.equal('/a');
      expect(goesTo(snapshot, request('GET /', { Host: 'h.example' }, { localPort: 8443 }))).to.equal('/a');
      expect(goesTo(snapshot, request('GET /', { Host: 'h.example:80' }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /', { Host: 'q.w.example:1' }))).to.equal('/b');
      expect(goesTo(snapshot, request('GET /', { Host: 'q.w.example:2' }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /', { Host: '[::1]' }))).to.equal('/c');
      expect(goesTo(snapshot, request('GET /', { Host: '[0::1]:8000' }))).to.equal('/c');
    });

    it('a server name, and only with TLS', () => {
      const snapshot = routing({ a: { snis: ['s.example.'], paths: ['/a'] } });
      const tls = { scheme: 'https' as const };
      expect(goesTo(snapshot, request('GET /a', {}, { ...tls, sni: 's.example' }))).to.equal('/a');
      expect(goesTo(snapshot, request('GET /a', {}, { ...tls, sni: 'other.example' }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /a', {}, { ...tls, sni: undefined }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /a'))).to.equal('/a');
    });

    it('wildcards in server names, as in hosts', () => {
      const snapshot = routing({ a: { snis: ['*.Foo.test', 'foo.*'], paths: ['/a'] } });
      const at = (sni: string | undefined) => goesTo(snapshot, request('GET /a', {}, { scheme: 'https', sni }));
      for (const sni of ['a.foo.test', 'a.b.FOO.test.', 'foo.test', 'foo.example']) expect(at(sni), sni).to.equal('/a');
      for (const sni of ['afoo.test', 'a.foo.test.example', undefined]) expect(at(sni), sni).to.equal(404);
    });

    it('every header, any of its values in any of the lines, whatever their case', () => {
      const snapshot = routing({ a: { headers: { 'X-A': ['1', '2'], 'X-B': ['~*^v\\d+$'] } } });
      expect(goesTo(snapshot, request('GET /', { 'x-a': ['0', '2'], 'x-b': 'V12' }))).to.equal('/a');
      expect(goesTo(snapshot, request('GET /', { 'x-a': '1' }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /', { 'x-a': '1', 'x-b': 'v' }))).to.equal(404);
      expect(goesTo(snapshot, request('GET /', { 'x-a': '1, 2', 'x-b': 'v1' }))).to.equal(404);
    });

    it('a regex on the decoded path (routing/regex:8-9)', () => {
      const snapshot = routing({
        a: { paths: ['~/sp ace$'] },
        b: { paths: ['~/sp%20ace$'] },
        c: { paths: ['~/caf\\w$'] },
      });
      expect(goesTo(snapshot, request('GET /sp%20ace'))).to.equal('/a');
      expect(goesTo(snapshot, request('GET /caf%C3%A9'))).to.equal('/c');
      expect(goesTo(snapshot, request('GET /caf%FF'))).to.equal(404);
    });
  });

  it('tries a regex before any prefix, even a longer one (routing/regex:4)', () => {
    const snapshot = routing({ prefix: { paths: ['/a/b/c/d'] }, regex: { paths: ['~/a'] } });
    expect(goesTo(snapshot, request('GET /a/b/c/d/e'))).to.equal('/regex/b/c/d/e');
  });

  it('keeps the groups of a regex, by number and by name', () => {
    const snapshot = routing({ a: { paths: ['~/(?<first>[^/]+)/(\\d+)?/?(?P<rest>.*)'] }, b: { paths: ['/'] } });
    const found = snapshot.match(request('GET /users/12/x%20y'));
    if (!isMatch(found) || found.captures === undefined) throw new Error('no match with captures');
    const { numbered, named } = found.captures();
    expect(numbered).to.deep.equal(['/users/12/x y', 'users', '12', 'x y']);
    expect([...named]).to.deep.equal([
      ['first', 'users'],
      ['rest', 'x y'],
    ]);
    const plain = snapshot.match(request('GET /'));
    expect(isMatch(plain) && plain.captures).to.equal(undefined);
  });

  it('gives the prefix that strip_path removed, in characters of a header', () => {
    const snapshot = routing({
      prefix: { paths: ['/a'] },
      regex: { paths: ['~/r\\s*\\d'] },
      kept: { paths: ['/k'], strip_path: false },
      host: { hosts: ['h.example'] },
    });
    const prefix = (sent: ProxiedRequest) => {
      const found = snapshot.match(sent);
      return isMatch(found) ? found.strippedPrefix : found.status;
    };
    expect(prefix(request('GET /ab'))).to.equal('/a');
    expect(prefix(request('GET /r%0d%0a1/x'))).to.equal('/r%0D%0A1');
    expect(prefix(request('GET /k/x'))).to.equal(undefined);
    expect(prefix(request('GET /', { Host: 'h.example' }))).to.equal(undefined);
  });

  describe('responds itself (routing/protocols)', () => {
    const https = { paths: ['/s'], protocols: ['https'] };
    const snapshot = routing({ s: https, h: { paths: ['/h'], protocols: ['http'] } });
    const tls = { scheme: 'https' as const };

    it('routing/protocols:1: to plain HTTP on a route for https with 426', () => {
      const response = snapshot.match(request('GET /s/x?q=1'));
      expect(response).to.deep.equal({
        status: 426,
        headers: [
          ['Content-Type', 'application/json; charset=utf-8'],
          ['Connection', 'Upgrade'],
          ['Upgrade', 'TLS/1.2, HTTP/1.1'],
        ],
        body: '{"message":"Please use HTTPS protocol","request_id":"0123456789abcdef0123456789abcdef"}',
      });
    });

    it('without Connection and Upgrade in HTTP/2', () => {
      expect(snapshot.match(request('GET /s', {}, { httpVersion: '2' })))
        .to.have.property('headers')
        .with.length(1);
    });

    it('routing/protocols:2-4: not to https', () => {
      expect(goesTo(snapshot, request('GET /s/x?q=1', {}, tls))).to.equal('/s/x?q=1');
      expect(goesTo(snapshot, request('GET /h/x', {}, tls))).to.equal('/h/x');
      expect(goesTo(snapshot, request('GET /h/x'))).to.equal('/h/x');
    });

    it('routing/protocols:5, untrusted/https:9: not if a trusted peer says that it was https', () => {
      const said = { 'X-Forwarded-Proto': 'https' };
      expect(goesTo(snapshot, request('GET /s/x', said, { peerTrusted: true }))).to.equal('/s/x');
      expect(goesTo(snapshot, request('GET /s/x', said))).to.equal(426);
      const twice = { 'X-Forwarded-Proto': ['https', 'https'] };
      expect(goesTo(snapshot, request('GET /s/x', twice, { peerTrusted: true }))).to.equal(426);
    });

    for (const [i, [status, reason, type]] of (
      [
        [301, 'Moved Permanently', 'text/html'],
        [302, 'Found', 'text/html'],
        [307, 'Temporary Redirect', 'text/html; charset=UTF-8'],
        [308, 'Permanent Redirect', 'text/html; charset=UTF-8'],
      ] as const
    ).entries()) {
      it(`routing/protocols:${i + 6}: or redirects with ${status} to the same host without port`, () => {
        const redirecting = routing({ s: { ...https, https_redirect_status_code: status } });
        const title = `${status} ${reason}`;
        expect(redirecting.match(request('GET /s/x?q=1', { Host: 'h.example:8080' }))).to.deep.equal({
          status,
          headers: [
            ['Location', 'https://h.example/s/x?q=1'],
            ['Content-Type', type],
          ],
          body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
        });
      });
    }

    it('routing/protocols:11: to requests without a route with 404, in the accepted media type', () => {
      expect(snapshot.match(request('GET /none'))).to.deep.include({
        status: 404,
        body: '{"message":"no Route matched with those values","request_id":"0123456789abcdef0123456789abcdef"}',
      });
      const html = snapshot.match(request('GET /none', { Accept: 'text/html' }));
      expect(html).to.have.deep.property('headers', [['Content-Type', 'text/html; charset=utf-8']]);
    });

    it('to a path that the upstream might read differently with 400', () => {
      const open = routing({ all: { paths: ['/'] } });
      for (const path of ['/%', '/%%32%65%%32%65/admin', '/a%00', '/../admin', '/a/%2e%2e/..']) {
        expect(goesTo(open, request(`GET ${path}`)), path).to.equal(400);
      }
      expect(open.match(request('GET /%'))).to.have.property(
        'body',
        'Bad request\nrequest_id: 0123456789abcdef0123456789abcdef\n',
      );
      expect(goesTo(open, request('GET /a?x=%&y=/../..'))).to.equal('/all/a?x=%&y=/../..');
    });

    it('routing/protocols:14: on routes of a disabled service with 404', () => {
      const off = routing({ s: https, all: { paths: ['/'] } }, { s: { enabled: false } });
      expect(goesTo(off, request('GET /s', {}, tls))).to.equal('/all/s');
      const alone = routing({ s: https }, { s: { enabled: false } });
      expect(goesTo(alone, request('GET /s', {}, tls))).to.equal(404);
    });

    it('routing/upstream-failures:10: not on a route without service', () => {
      const found = routing({ a: { paths: ['/a'], service: null } }).match(request('GET /a/x'));
      expect(found).to.deep.include({ service: undefined, upstreamTarget: '/x' });
    });

    it('on a route for WebSockets to other requests, and to a handshake without TLS that requires it', () => {
      const handshake = { Connection: 'Upgrade', Upgrade: 'WebSocket' };
      const routes = { s: { paths: ['/s'], protocols: ['wss'] }, w: { paths: ['/w'], protocols: ['ws', 'wss'] } };
      const both = routing(routes, { s: { protocol: 'ws' }, w: { protocol: 'ws' } });
      expect(both.match(request('POST /s/oauth2/token', {}, tls)))
        .to.have.property('headers')
        .that.deep.includes(['Upgrade', 'websocket']);
      expect(goesTo(both, request('POST /s', handshake, tls))).to.equal(426);
      expect(goesTo(both, request('GET /s', handshake))).to.equal(426);
      expect(goesTo(both, request('GET /s', handshake, tls))).to.equal('/s');
      expect(goesTo(both, request('GET /w', handshake))).to.equal('/w');
    });

    it('on a route for gRPC to other requests, and to gRPC without HTTP/2 or TLS', () => {
      const grpc = { 'Content-Type': 'application/grpc+proto' };
      const call = 'POST /pkg.Service/Method';
      const h2 = { httpVersion: '2' as const };
      const route = { paths: ['/'], strip_path: false };
      const both = routing({ g: { ...route, protocols: ['grpc', 'grpcs'] } }, { g: { path: null, protocol: 'grpc' } });
      expect(goesTo(both, request(call, {}, h2))).to.equal(415);
      expect(goesTo(both, request(call, grpc))).to.equal(426);
      expect(goesTo(both, request(call, grpc, h2))).to.equal('/pkg.Service/Method');
      const secure = routing({ g: { ...route, protocols: ['grpcs'] } }, { g: { path: null, protocol: 'grpcs' } });
      expect(goesTo(secure, request(call, grpc, { ...h2, ...tls }))).to.equal('/pkg.Service/Method');
      expect(secure.match(request(call, grpc, h2)))
        .to.have.property('headers')
        .that.deep.includes(['grpc-status', '1']);
    });
  });

  it('ignores routes of streams', () => {
    const snapshot = routing({ t: { protocols: ['tls'], snis: ['s.example'] } });
    expect(goesTo(snapshot, request('GET /', {}, { scheme: 'https', sni: 's.example' }))).to.equal(404);
  });
});

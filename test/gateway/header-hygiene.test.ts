import { expect } from 'chai';
import fc from 'fast-check';
import {
  bothEdits,
  changeable,
  fold,
  type HeaderEdits,
  isIdentityHeader,
  noHeaderEdits,
  passesIdentity,
  preparedEdits,
  removeHeader,
  setHeader,
  type UpstreamHead,
  upstreamFields,
  upstreamHead,
  wireValue,
} from '../../src/gateway/header-hygiene.ts';

/** The head's lines after the request line, in lower-case names, for headers given as `Name: value`. */
function lines(headers: readonly string[], also: Partial<UpstreamHead> = {}): string[] {
  const text = upstreamHead(head(headers, also));
  expect(text.endsWith('\r\n\r\n')).to.equal(true);
  const [, ...rest] = text.slice(0, -4).split('\r\n');
  return rest.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase())).slice(2);
}

function head(headers: readonly string[], also: Partial<UpstreamHead> = {}): UpstreamHead {
  return {
    method: 'GET',
    target: '/x',
    host: 'upstream.example',
    rawHeaders: headers.flatMap((line) => /^([^:]*): ?(.*)$/s.exec(line)!.slice(1)),
    gateFields: [],
    edits: undefined,
    identityPasses: false,
    peerTrusted: false,
    body: 'none',
    upgrade: undefined,
    ...also,
  };
}

const identity = [
  ...['X-Consumer-ID', 'X-Consumer-Username', 'X-Consumer-Custom-ID', 'X-Credential-Identifier'],
  ...['X-Authenticated-Scope', 'X-Authenticated-UserId', 'X-Anonymous-Consumer'],
  // Of the same prefixes, though the gate does not set them.
  ...['X-Consumer-Groups', 'X-Consumer-Role', 'X-Authenticated-Groups'],
];

describe('The head of an upstream request', () => {
  it('is a request line, Host, Connection, and the client’s fields as they were sent', () => {
    expect(upstreamHead(head(['User-Agent: ', 'accept: */*', 'X-B: 1', 'X-B: 2', 'Host: client.example']))).to.equal(
      'GET /x HTTP/1.1\r\nHost: upstream.example\r\nConnection: keep-alive\r\n' +
        'User-Agent: \r\naccept: */*\r\nX-B: 1\r\nX-B: 2\r\n\r\n',
    );
  });

  it('frames the body itself', () => {
    const sent = ['Content-Length: 7', 'Transfer-Encoding: gzip, chunked', 'Expect: 100-continue'];
    expect(lines(sent)).to.deep.equal([]);
    expect(lines(sent, { body: 'chunked' })).to.deep.equal(['transfer-encoding: chunked']);
    expect(lines(sent, { body: 12 })).to.deep.equal(['content-length: 12']);
    expect(lines(sent, { body: 0 })).to.deep.equal(['content-length: 0']);
  });

  describe('bearer/upstream-headers:1: of hop-by-hop fields', () => {
    it('drops Connection, Keep-Alive, Upgrade, Proxy-Connection and HTTP2-Settings', () => {
      const hop = [
        'Connection: close',
        'Keep-Alive: timeout=5',
        'Upgrade: h2c',
        'Proxy-Connection: x',
        'HTTP2-Settings: x',
      ];
      expect(lines([...hop, 'Proxy: http://evil.example'])).to.deep.equal([]);
    });

    it('drops the fields that Connection names, in every spelling, from every line', () => {
      const named = ['Connection: keep-alive, X-One', 'connection: x-two ,, X-Three'];
      expect(lines([...named, 'x-one: 1', 'X_Two: 2', 'X-THREE: 3', 'X-Four: 4'])).to.deep.equal(['x-four: 4']);
    });

    it('drops Trailer, since the gate drops the trailers of a request', () => {
      for (const body of ['chunked', 12] as const) {
        expect(lines(['Trailer: X-Sum', 'trailer: X-Consumer-ID', 'X-A: 1'], { body })).to.include('x-a: 1');
        expect(lines(['Trailer: X-Sum', 'trailer: X-Consumer-ID'], { body }).join()).not.to.include('trailer');
      }
      expect(upstreamFields(head(['Trailer: X-Sum', 'X-A: 1']))).to.deep.equal(['x-a', '1']);
    });

    it('keeps of TE only trailers', () => {
      expect(lines(['TE: trailers'])).to.deep.equal(['te: trailers']);
      expect(lines(['TE: gzip, Trailers;q=1', 'te: trailers'])).to.deep.equal(['te: trailers']);
      expect(lines(['TE: gzip'])).to.deep.equal([]);
    });

    it('keeps Proxy-Authorization, and names with _', () => {
      const kept = ['proxy-authorization: x', 'x_under_score: u', 'x-credential-username: evil'];
      expect(lines(kept)).to.deep.equal(kept);
    });
  });

  it('forwards a WebSocket handshake', () => {
    expect(
      upstreamHead(
        head(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: k'], { upgrade: 'websocket' }),
      ),
    ).to.equal(
      'GET /x HTTP/1.1\r\nHost: upstream.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: k\r\n\r\n',
    );
  });

  describe('RS-10: of identity headers that a client sent', () => {
    for (const name of identity) {
      const spellings = [
        name,
        name.toLowerCase(),
        name.toUpperCase(),
        name.replaceAll('-', '_'),
        name.replace('-', '_'),
      ];
      it(`drops ${name} in every spelling and each time`, () => {
        expect(lines([...spellings, ...spellings].map((spelling) => `${spelling}: evil`))).to.deep.equal([]);
        for (const spelling of spellings) expect(isIdentityHeader(spelling), spelling).to.equal(true);
      });
    }

    it('drops none of a trusted peer on a route that does not authenticate', () => {
      expect(passesIdentity(true, false)).to.equal(true);
      expect(passesIdentity(true, true)).to.equal(false);
      expect(passesIdentity(false, false)).to.equal(false);
      const sent = identity.map((name) => `${name.toLowerCase()}: said`);
      expect(lines(sent, { identityPasses: true })).to.deep.equal(sent);
      expect(isIdentityHeader('X-Credential-Username')).to.equal(false);
    });

    it('sends only those of the gate', () => {
      const edits = noHeaderEdits();
      setHeader(edits, 'X-Consumer-ID', 'alice');
      const sent = ['X-Consumer-ID: evil', 'x_consumer_id: evil', 'X-CONSUMER_ID: evil'];
      for (const identityPasses of [true, false]) {
        expect(lines(sent, { edits, identityPasses })).to.deep.equal(['x-consumer-id: alice']);
      }
    });

    it('forwards none, in any spelling', () => {
      const letters = fc
        .constantFrom(...identity)
        .chain((name) =>
          fc.tuple(
            ...[...name].map((letter) =>
              fc.constantFrom(letter.toLowerCase(), letter.toUpperCase(), letter === '-' ? '_' : letter),
            ),
          ),
        );
      const field = fc.oneof(
        letters.map((spelling) => `${spelling.join('')}: evil`),
        fc.constantFrom(
          'Connection: X-Consumer-ID',
          'Connection: x_consumer_id, close',
          'Accept: */*',
          'X-Consumer: 1',
          'X: 2',
        ),
      );
      fc.assert(
        fc.property(fc.array(field, { maxLength: 8 }), fc.boolean(), (sent, peerTrusted) => {
          const edits = noHeaderEdits();
          setHeader(edits, 'X-Consumer-ID', 'alice');
          removeHeader(edits, 'X-Consumer-Username');
          const got = lines(sent, { edits, peerTrusted });
          expect(got.filter((line) => /evil/.test(line))).to.deep.equal([]);
          expect(got.filter((line) => line.startsWith('x-consumer-id'))).to.deep.equal(['x-consumer-id: alice']);
        }),
      );
    });
  });

  it('RS-12: Connection cannot remove the fields of the gate', () => {
    const edits = noHeaderEdits();
    setHeader(edits, 'X-Consumer-ID', 'alice');
    const gateFields = ['X-Forwarded-For', '10.0.0.1'];
    const sent = ['Connection: X-Consumer-ID, X-Forwarded-For, Host, Content-Length'];
    expect(upstreamHead(head(sent, { edits, gateFields, body: 3 }))).to.equal(
      'GET /x HTTP/1.1\r\nHost: upstream.example\r\nConnection: keep-alive\r\nContent-Length: 3\r\n' +
        'X-Forwarded-For: 10.0.0.1\r\nX-Consumer-ID: alice\r\n\r\n',
    );
  });

  describe('RS-11: of forwarding fields', () => {
    const said = ['Forwarded: for=1.2.3.4', 'X-Forwarded-User: root', 'X_Forwarded_Ssl: on', 'x-forwarded: 1.2.3.4'];
    it('keeps those of trusted peers only', () => {
      expect(lines(said)).to.deep.equal([]);
      expect(lines(said, { peerTrusted: true })).to.have.length(4);
    });

    it('replaces those that the gate sets, for trusted peers too', () => {
      const gateFields = ['X-Forwarded-For', '1.2.3.4, 10.0.0.1', 'Via', '1.1 me, 1.1 kong/3.9.1'];
      const sent = [
        'X-Forwarded-For: 1.2.3.4',
        'x_forwarded_for: 6.6.6.6',
        'X-Real-IP: 6.6.6.6',
        'Via: 1.1 me',
        'X-Kong-Request-Id: mine',
      ];
      for (const peerTrusted of [true, false]) {
        expect(lines(sent, { gateFields, peerTrusted })).to.deep.equal([
          'x-forwarded-for: 1.2.3.4, 10.0.0.1',
          'via: 1.1 me, 1.1 kong/3.9.1',
        ]);
      }
    });
  });

  describe('of fields that plugins set and remove', () => {
    it('is the same whether the edits were prepared for many requests or made one by one', () => {
      const name = fc.constantFrom('X-A', 'x_a', 'X-Consumer-ID', 'Via', 'Host', 'X-Long-Name');
      const change = fc.tuple(name, fc.option(fc.constantFrom('1', 'two', 'drei'), { nil: undefined }));
      const apply = (edits: HeaderEdits, changes: readonly (readonly [string, string | undefined])[]) => {
        for (const [name, value] of changes)
          value === undefined ? removeHeader(edits, name) : setHeader(edits, name, value);
      };
      fc.assert(
        fc.property(fc.array(change), fc.array(change), fc.array(change), (before, prepared, after) => {
          const each = noHeaderEdits();
          for (const changes of [before, prepared, after]) apply(each, changes);

          const ready = preparedEdits(prepared);
          const untouched = structuredClone(ready);
          let first: HeaderEdits | undefined;
          if (before.length > 0) apply((first = noHeaderEdits()), before);
          let both = bothEdits(first, ready);
          if (after.length > 0) apply((both = changeable(both)), after);

          const sent = ['X-A: c', 'x_a: c', 'Host: c.example', 'Via: c', 'X-Other: c'];
          expect(upstreamHead(head(sent, { edits: both }))).to.equal(upstreamHead(head(sent, { edits: each })));
          expect(ready, 'another request has it as it was').to.deep.equal(untouched);
        }),
      );
    });

    it('has the value that was set last, and replaces every spelling', () => {
      const edits = noHeaderEdits();
      setHeader(edits, 'X-A', '1');
      setHeader(edits, 'x-a', '2');
      removeHeader(edits, 'Authorization');
      setHeader(edits, 'X-Gone', '1');
      removeHeader(edits, 'x_gone');
      setHeader(edits, 'Via', 'mine');
      const sent = ['X_A: 0', 'x-a: 0', 'AUTHORIZATION: Bearer t', 'x-gone: 0', 'X-B: 0'];
      expect(lines(sent, { edits, gateFields: ['Via', '1.1 kong/3.9.1'] })).to.deep.equal([
        'x-b: 0',
        'x-a: 2',
        'via: mine',
      ]);
    });

    it('has one Host line, also if a plugin sets it', () => {
      const edits = noHeaderEdits();
      setHeader(edits, 'Host', 'other.example');
      expect(upstreamHead(head(['Host: c.example'], { edits }))).to.match(
        /^GET \/x HTTP\/1.1\r\nHost: other.example\r\nConnection/,
      );
      expect(lines(['Host: c.example'], { edits })).to.deep.equal([]);
    });

    it('refuses names that are no field names, and those that frame messages', () => {
      const edits = noHeaderEdits();
      for (const name of ['', 'X A', 'X-A\r\nX-B', 'X:', 'é', 'Content-Length', 'transfer_encoding', 'Connection']) {
        expect(() => setHeader(edits, name, 'x'), name).to.throw(TypeError, 'a plugin cannot set this header');
      }
    });

    it('lets no value end its line; values are text in UTF-8', () => {
      expect(wireValue('Zoë')).to.equal('Zo\xC3\xAB');
      expect(wireValue('a\r\nX-Evil: 1\0')).to.equal('a%0D%0AX-Evil: 1%00');
      expect(wireValue('tab\tstays')).to.equal('tab\tstays');
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (value) => {
          const edits = noHeaderEdits();
          setHeader(edits, 'X-A', value);
          expect(upstreamHead(head([], { edits }))).to.match(
            /^[^\r\n]*\r\n[^\r\n]*\r\n[^\r\n]*\r\nX-A: [\t\x20-\x7E\x80-\xFF]*\r\n\r\n$/,
          );
        }),
      );
    });
  });

  it('has the same fields in HTTP/2, without those of HTTP/1.1 only', () => {
    const edits = noHeaderEdits();
    setHeader(edits, 'X-Consumer-ID', 'alice');
    const also = { edits, gateFields: ['Via', '2 kong'], body: 3 } as const;
    const sent = [
      'Host: c',
      'Connection: close, X-N',
      'X-N: 1',
      'X-Consumer-Id: evil',
      'TE: trailers',
      'X-Ok: 1',
      'Upgrade: h2c',
    ];
    expect(upstreamFields(head(sent, also))).to.deep.equal([
      ...['x-ok', '1', 'content-length', '3', 'te', 'trailers', 'via', '2 kong', 'x-consumer-id', 'alice'],
    ]);
    const names = fc.constantFrom(
      'X-A',
      'x_a',
      'TE',
      'Via',
      'Connection',
      'X-Real-IP',
      'X-Consumer-ID',
      'Upgrade',
      'Cookie',
    );
    const field = fc
      .tuple(names, fc.constantFrom('trailers', 'X-A', 'close', '1'))
      .map(([name, value]) => `${name}: ${value}`);
    fc.assert(
      fc.property(fc.array(field), fc.boolean(), fc.boolean(), (fields, peerTrusted, identityPasses) => {
        const given = head(fields, { ...also, peerTrusted, identityPasses });
        const pairs = upstreamFields(given);
        const twoLines = pairs.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${pairs[i + 1]}`] : []));
        expect(twoLines.sort()).to.deep.equal(lines(fields, given).sort());
      }),
    );
  });

  it('treats names as equal that an upstream may treat as equal', () => {
    expect(fold('X_Consumer-ID')).to.equal('x-consumer-id');
  });
});

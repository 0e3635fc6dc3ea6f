import { expect } from 'chai';
import { readTrailers, readUpstreamHead, type UpstreamHead } from '../../adapters/upstream/head.ts';

function read(text: string, toHead = false): UpstreamHead | undefined {
  const head = text.replaceAll('\n', '\r\n');
  return readUpstreamHead(`${head}\r\n`, head.length, toHead);
}

describe('The head of an upstream’s response', () => {
  it('is a status line and fields, as received', () => {
    const head = read('HTTP/1.1 201 Created now\nX-One:  1\t \nx-one: 2\nContent-Length: 7\n')!;
    expect(head).to.include({ status: 201, reason: 'Created now', framing: 'length', length: 7, persistent: true });
    expect(head.fields).to.deep.equal(['X-One', '1', 'x-one', '2']);
  });

  it('may have no reason and no fields', () => {
    expect(read('HTTP/1.1 200\n')).to.include({ status: 200, reason: '', framing: 'close' });
    expect(read('HTTP/1.1 200 \n')).to.include({ status: 200, reason: '' });
  });

  it('RFC 9112 §5.1: white space before the colon is removed', () => {
    expect(read('HTTP/1.1 200 OK\nX-A : 1\nContent-Length\t: 2\n')).to.deep.include({
      fields: ['X-A', '1'],
      length: 2,
    });
  });

  describe('determines where the body ends (RFC 9112 §6.3)', () => {
    const cases: readonly (readonly [head: string, framing: string, persistent: boolean])[] = [
      ['HTTP/1.1 200 OK\nContent-Length: 0\n', 'length', true],
      ['HTTP/1.1 200 OK\nContent-Length: 5, 5\n', 'length', true],
      ['HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5\n', 'length', true],
      ['HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n', 'chunked', true],
      ['HTTP/1.1 200 OK\n', 'close', false],
      ['HTTP/1.1 204 No Content\n', 'none', true],
      ['HTTP/1.1 304 Not Modified\n', 'none', true],
      // A body that these fields announce may still arrive, and would be the response to the next request.
      ['HTTP/1.1 304 Not Modified\nContent-Length: 9\n', 'none', false],
      ['HTTP/1.1 204 No Content\nContent-Length: 0\n', 'none', true],
      ['HTTP/1.1 204 No Content\nContent-Length: 1\n', 'none', false],
      ['HTTP/1.1 204 No Content\nTransfer-Encoding: chunked\n', 'none', false],
      ['HTTP/1.1 103 Early Hints\n', 'none', true],
      ['HTTP/1.1 103 Early Hints\nConnection: close\n', 'none', false],
      ['HTTP/1.0 200 OK\nContent-Length: 5\n', 'length', false],
      ['HTTP/1.0 200 OK\nContent-Length: 5\nConnection: Keep-Alive\n', 'length', true],
      ['HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\n', 'length', false],
      ['HTTP/1.1 200 OK\nContent-Length: 5\nConnection: keep-alive, close\n', 'length', false],
      ['HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close\nConnection: keep-alive\n', 'length', false],
    ];
    for (const [head, framing, persistent] of cases) {
      it(JSON.stringify(head), () => expect(read(head)).to.include({ framing, persistent }));
    }

    it('a response to HEAD has no body, but the length that it would have, and is the last on its connection', () => {
      const none = { framing: 'none', persistent: false };
      expect(read('HTTP/1.1 200 OK\nContent-Length: 12\n', true)).to.include({ ...none, length: 12 });
      expect(read('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n', true)).to.include({ ...none, length: -1 });
      expect(read('HTTP/1.1 204 No Content\n', true)).to.include(none);
    });
  });

  describe('is malformed', () => {
    const malformed: Record<string, string> = {
      'without a version': 'ICY 200 OK\n',
      'of another version': 'HTTP/2.0 200 OK\n',
      'in lower case': 'http/1.1 200 OK\n',
      'with a status of two digits': 'HTTP/1.1 20 OK\n',
      'with a status of four digits': 'HTTP/1.1 2000 OK\n',
      'with a status below 100': 'HTTP/1.1 099 OK\n',
      'with a control character in its reason': 'HTTP/1.1 200 O\0K\n',
      'with a length that is none': 'HTTP/1.1 200 OK\nContent-Length: x\n',
      'with a negative length': 'HTTP/1.1 200 OK\nContent-Length: -1\n',
      'with a signed length': 'HTTP/1.1 200 OK\nContent-Length: +1\n',
      'with an empty length': 'HTTP/1.1 200 OK\nContent-Length:\n',
      'with two lengths that differ': 'HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n',
      'with a list of lengths that differ': 'HTTP/1.1 200 OK\nContent-Length: 5, 6\n',
      'with a length and a coding': 'HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n',
      'with a coding and a length': 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 5\n',
      'with an unexpected coding': 'HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n',
      'chunked twice': 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n',
      'chunked in HTTP/1.0': 'HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n',
      'with a folded field': 'HTTP/1.1 200 OK\nX-A: 1\n 2\n',
      'with a field without a colon': 'HTTP/1.1 200 OK\nX-A\n',
      'with a field without a name': 'HTTP/1.1 200 OK\n: 1\n',
      'with a blank in a name': 'HTTP/1.1 200 OK\nX A: 1\n',
      'with a control character in a value': 'HTTP/1.1 200 OK\nX-A: 1\u00012\n',
      'with NUL in a value': 'HTTP/1.1 200 OK\nX-A: 1\0\n',
    };
    for (const [what, head] of Object.entries(malformed)) it(what, () => expect(read(head)).to.equal(undefined));

    it('with bare line feeds, or bare carriage returns', () => {
      for (const head of ['HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\n', 'HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\n']) {
        expect(readUpstreamHead(`${head}\r\n`, head.length, false)).to.equal(undefined);
      }
    });
  });

  it('loses its hop-by-hop fields (RFC 9110 §7.6.1)', () => {
    const head = read(
      'HTTP/1.1 200 OK\nConnection: X-Hop, keep-alive\nX-Hop: 1\nx-hop: 2\nKeep-Alive: timeout=5\nProxy-Connection: x\n' +
        'Upgrade: h2c\nServer: nginx\nProxy-Authenticate: Basic\nTrailer: X-Sum\nX-Kong-Upstream-Latency: 9\n' +
        'X-Kong-Proxy-Latency: 9\nX-Kong-Request-Id: theirs\nVia: 1.1 a\nX-Hop: 3\nVia: 1.1 b\n',
    )!;
    expect(head.fields).to.deep.equal([
      'Server',
      'nginx',
      'Proxy-Authenticate',
      'Basic',
      'Trailer',
      'X-Sum',
      'Via',
      '1.1 a, 1.1 b',
    ]);
    expect(head.fields[head.viaAt]).to.equal('1.1 a, 1.1 b');
    expect(head.idleSeconds).to.equal(5);
  });

  it('has the place of Via after fields before it were removed, or none if Via itself was removed', () => {
    const moved = read('HTTP/1.1 200 OK\nA: 1\nB: 2\nVia: 1.1 a\nConnection: a\n')!;
    expect([moved.fields, moved.viaAt]).to.deep.equal([['B', '2', 'Via', '1.1 a'], 3]);
    expect(read('HTTP/1.1 200 OK\nVia: 1.1 a\nConnection: via\n')).to.deep.include({ fields: [], viaAt: -1 });
  });

  it('has the time for which the upstream keeps an idle connection', () => {
    expect(read('HTTP/1.1 200 OK\nKeep-Alive: max=100, timeout=15\n')!.idleSeconds).to.equal(15);
    expect(read('HTTP/1.1 200 OK\nKeep-Alive: max=100\n')!.idleSeconds).to.equal(-1);
  });

  it('trailers are fields, without those that frame, route or authenticate (RFC 9110 §6.5.1)', () => {
    expect(readTrailers('X-Sum: 1\r\ngrpc-status: 0\r\n')).to.deep.equal(['X-Sum', '1', 'grpc-status', '0']);
    expect(
      readTrailers('Content-Length: 1\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1\r\nConnection: x\r\nA: b\r\n'),
    ).to.deep.equal(['A', 'b']);
    expect(readTrailers('')).to.deep.equal([]);
    expect(readTrailers('no colon\r\n')).to.equal(undefined);
  });
});

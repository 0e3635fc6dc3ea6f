import { expect } from 'chai';
import fc from 'fast-check';
import { ChunkedReader } from '../../adapters/upstream/chunked.ts';

interface Reading {
  readonly body: string;
  readonly done: boolean;
  readonly trailers: string;
  /** Bytes after the end. */
  readonly rest: string;
  readonly malformed: boolean;
}

/** Reads `wire` in pieces that end at `cuts`. */
function read(wire: string, cuts: readonly number[] = []): Reading {
  const bytes = Buffer.from(wire, 'latin1');
  const reader = new ChunkedReader();
  let body = '';
  const receiver = {
    chunk(piece: Buffer, from: number, to: number) {
      body += piece.toString('latin1', from, to);
    },
  };
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const at = reader.read(bytes, from, to, receiver);
    if (at === -1) return { body, done: false, trailers: '', rest: '', malformed: true };
    if (reader.done) {
      return { body, done: true, trailers: reader.trailers, rest: bytes.toString('latin1', at), malformed: false };
    }
    from = to;
  }
  return { body, done: false, trailers: '', rest: '', malformed: false };
}

describe('A chunked body (RFC 9112 §7.1)', () => {
  const wire =
    '5\r\nhello\r\n00A;name="va;lue"\r\n, chunked \r\n5 ; x\r\nworld\r\n0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\nNEXT';

  it('is the data of its chunks; trailers follow; later bytes do not belong to it', () => {
    expect(read(wire)).to.deep.equal({
      body: 'hello, chunked world',
      done: true,
      trailers: 'X-Sum: 1\r\nY: 2\r\n',
      rest: 'NEXT',
      malformed: false,
    });
  });

  it('reads the same when split at any byte', () => {
    const whole = read(wire);
    for (let cut = 1; cut < wire.length; cut++) expect(read(wire, [cut]), `cut at ${cut}`).to.deep.equal(whole);
  });

  it('reads the same byte by byte', () => {
    expect(read(wire, [...wire].map((_, i) => i + 1).slice(0, -1))).to.deep.equal(read(wire));
  });

  it('reads back any data, in pieces of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 40 }).map((s) => Buffer.from(s).toString('latin1'))),
        fc.array(fc.nat(400), { maxLength: 10 }),
        (chunks, at) => {
          const written = `${chunks.map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('')}0\r\n\r\n`;
          const cuts = [...new Set(at.filter((n) => n > 0 && n < written.length))].sort((a, b) => a - b);
          expect(read(written, cuts)).to.include({ body: chunks.join(''), done: true, rest: '' });
        },
      ),
    );
  });

  it('does not end before its last empty line', () => {
    for (let length = 0; length < wire.length - 4; length++) {
      expect(read(wire.slice(0, length)).done, `after ${length} bytes`).to.equal(false);
    }
  });

  describe('is malformed', () => {
    const malformed: Record<string, string> = {
      'without a size': '\r\nhello',
      'with a size that is none': 'xyz\r\nhello',
      'with a prefix': '0x5\r\nhello\r\n0\r\n\r\n',
      'with a sign': '+5\r\nhello\r\n0\r\n\r\n',
      'with a negative size': '-5\r\nhello',
      'with a blank before the size': ' 5\r\nhello',
      'with a size beyond reason': 'ffffffffffffffff\r\n',
      'with a bare line feed after the size': '5\nhello\r\n0\r\n\r\n',
      'with a bare carriage return after the size': '5\rhello',
      'with a line feed in an extension': '5;a\nb\r\nhello',
      'with data longer than its size': '5\r\nhello!\r\n0\r\n\r\n',
      'with a bare line feed after the data': '5\r\nhello\n0\r\n\r\n',
      'with a bare line feed at its end': '0\r\n\n',
      'with an extension without end': `5;${'x'.repeat(5000)}`,
      'with trailers without end': `0\r\n${'X: 1\r\n'.repeat(4000)}`,
    };
    for (const [what, text] of Object.entries(malformed)) it(what, () => expect(read(text).malformed).to.equal(true));
  });
});

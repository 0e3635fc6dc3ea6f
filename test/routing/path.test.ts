import { expect } from 'chai';
import fc from 'fast-check';
import {
  encodePath,
  isMalformed,
  isPlain,
  normalizePath,
  octets,
  pathOf,
  textOf,
  upstreamPath,
} from '../../src/routing/path.ts';

describe('The path of a request', () => {
  describe('is matched in one form, whatever its spelling (routing/match:28-42)', () => {
    const forms: readonly (readonly [sent: string, matched: string, why: string])[] = [
      ['/', '/', 'the root'],
      ['//a', '/a', 'empty segments are dropped'],
      ['/a//b', '/a/b', 'wherever they are'],
      ['/a/b//', '/a/b/', 'at the end too, but for its slash'],
      ['/a/./b', '/a/b', 'a dot is here'],
      ['/a/../none', '/none', 'two dots are above'],
      ['/a/%2e%2e/none', '/none', 'encoded or not'],
      ['/a/%2E./x', '/x', 'or half encoded'],
      ['/a/..', '/', 'at the end they name what is above'],
      ['/a/.', '/a/', 'or here'],
      ['/../..', '/', 'there is nothing above the root'],
      ['/a/...', '/a/...', 'three dots are a name'],
      ['/.a/b.', '/.a/b.', 'dots in names stay'],
      ['/%61', '/a', 'what needs no encoding is decoded'],
      ['/a%2fb', '/a%2Fb', 'an encoded slash stays one, in upper case'],
      ['/%25%3f%23', '/%25%3F%23', 'so do other delimiters'],
      ['/a/b%20c', '/a/b c', 'a blank is matched as a blank'],
      ['/a/%C3%A9', '/a/\xC3\xA9', 'letters as their octets'],
      ['/a%5Cb', '/a\\b', 'a backslash is no slash'],
      ['/a#f', '/a#f', 'a fragment is not ours to take off'],
      ['/a/;p=1', '/a/;p=1', 'parameters stay'],
      ['/a/+', '/a/+', 'a plus is a plus'],
      ['/a%', '/a%', 'what is not percent-encoded stays'],
    ];
    for (const [sent, matched, why] of forms) {
      it(`${sent} as ${JSON.stringify(matched)}: ${why}`, () => {
        expect(normalizePath(sent)).to.equal(matched);
      });
    }
  });

  it('ends where the query begins', () => {
    expect(pathOf('/a?x=/..')).to.equal('/a');
    expect(pathOf('/a?')).to.equal('/a');
    expect(pathOf('/a')).to.equal('/a');
  });

  describe('is encoded again for the upstream', () => {
    for (const [sent, upstream] of [
      ['/a/b%20c', '/a/b%20c'],
      ['/a/%c3%a9', '/a/%C3%A9'],
      ['/%41%7e', '/A~'],
      ['/a%0d%0aX-Evil:1', '/a%0D%0AX-Evil:1'],
      ['/a%5C..%5Cb', '/a%5C..%5Cb'],
      ['/a"<>{}|^`', '/a%22%3C%3E%7B%7D%7C%5E%60'],
      ['/%FF', '/%FF'],
    ] as const) {
      it(`${sent} as ${upstream}`, () => {
        expect(encodePath(normalizePath(sent))).to.equal(upstream);
      });
    }
  });

  describe('is appended to that of the service (routing/strip-and-handling)', () => {
    // [service's path, request's path, stripped by strip_path, upstream]
    const table: readonly (readonly [base: string, path: string, stripped: number | undefined, upstream: string])[] = [
      ['/', '/s', 2, '/'],
      ['/', '/s/', 2, '/'],
      ['/', '/sx', 2, '/x'],
      ['/', '/s/x/y', 2, '/x/y'],
      ['/', '/slash/', 7, '/'],
      ['/', '/slash/x', 7, '/x'],
      ['/', '/s', undefined, '/s'],
      ['/', '/s/', undefined, '/s/'],
      ['/', '/', undefined, '/'],
      ['/up', '/s', 2, '/up'],
      ['/up', '/s/', 2, '/up/'],
      ['/up', '/sx', 2, '/up/x'],
      ['/up', '/s/x/y', 2, '/up/x/y'],
      ['/up', '/slash/', 7, '/up/'],
      ['/up', '/slash/x', 7, '/up/x'],
      ['/up', '/s/x', undefined, '/up/s/x'],
      ['/up', '/', undefined, '/up'],
      ['/up', '/', 1, '/up'],
      ['/up/', '/s', 2, '/up'],
      ['/up/', '/s/', 2, '/up/'],
      ['/up/', '/sx', 2, '/up/x'],
      ['/up/', '/s/x/y', 2, '/up/x/y'],
      ['/up/', '/slash/', 7, '/up/'],
      ['/up/', '/slash/x', 7, '/up/x'],
      ['/up/', '/s/x', undefined, '/up/s/x'],
      ['/up/', '/', undefined, '/up/'],
      ['/up/', '/', 1, '/up/'],
      ['/', '/', 1, '/'],
    ];
    for (const [base, path, stripped, upstream] of table) {
      it(`${base} and ${path} ${stripped === undefined ? '' : `without ${path.slice(0, stripped)} `}is ${upstream}`, () => {
        expect(upstreamPath(base, path, stripped)).to.equal(upstream);
      });
    }

    it('and the rest after a prefix cannot lead out of it', () => {
      expect(upstreamPath('/up', '/a../x', 2)).to.equal('/up/x');
      expect(upstreamPath('/up/', '/a..', 2)).to.equal('/up');
      expect(upstreamPath('/up', '/a./x', 2)).to.equal('/up/x');
      expect(upstreamPath('/up', '/a.../x', 2)).to.equal('/up/.../x');
    });
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom('/', '//', '.', '..', '/./', '/../', '%2e', '%2E%2e', '%2f', '%5c', '\\', '%00', '%0d%0a', '%'),
        fc.constantFrom('a', '%61', '%C3%A9', '%ff', '#', '?', ';', '%3f', '%25', '%252e', '\xE9', '\x01', ' '),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => pathOf(`/${parts.join('')}`.replace(/[^\x00-\xFF]/g, 'x')));

  it('however hostile, has no dot segments and no empty segments', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        const normal = normalizePath(path);
        expect(normal.startsWith('/')).to.equal(true);
        expect(normal).to.not.match(/\/\/|\/\.{1,2}(?:\/|$)/);
      }),
    );
  });

  it('is malformed with a % that encodes nothing, with a NUL, or above the root', () => {
    for (const path of ['/%', '/a%2', '/%zz', '/%%32%65', '/a%00', '/a\0', '/..', '/a/../..', '/%2e%2e/x', '//../x']) {
      expect(isMalformed(path), path).to.equal(true);
    }
    for (const path of ['/', '/a/..', '/a/./../b', '/%25', '/a%20b', '/...', '/a//../b', '*']) {
      expect(isMalformed(path), path).to.equal(false);
    }
  });

  it('however hostile, stays the same if the upstream normalises it again, unless it is malformed', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        fc.pre(!isMalformed(path));
        const encoded = encodePath(normalizePath(path));
        expect(encodePath(normalizePath(encoded))).to.equal(encoded);
      }),
    );
  });

  it('however hostile, has only characters of a request line for the upstream', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom('/', '/up', '/up/'), fc.option(fc.nat(8)), (path, base, stripped) => {
        const normal = normalizePath(path);
        const taken = stripped === null ? undefined : Math.min(stripped, normal.length);
        const upstream = encodePath(upstreamPath(base, normal, taken));
        expect(upstream).to.match(/^\/[!-~]*$/);
        expect(normalizePath(upstream)).to.satisfy((path: string) => path.startsWith(base.replace(/\/$/, '')));
      }),
    );
  });

  it('that is plain stays unchanged', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        fc.pre(isPlain(path));
        expect(normalizePath(`/%61${path}`)).to.equal(`/a${path}`);
        expect(encodePath(path)).to.equal(path);
      }),
    );
    expect(isPlain('/api/v1/users/12345/orders.json')).to.equal(true);
    for (const path of ['/a/../b', '/..', '/a//b', '/%61', '/é', '/a b', '/a\\b'])
      expect(isPlain(path)).to.equal(false);
  });

  it('as octets gives its text back, and no text if it is invalid UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textOf(octets(text))).to.equal(text);
      }),
    );
    expect(textOf('/\xFF')).to.equal(undefined);
    expect(textOf('/\xC0\xAE')).to.equal(undefined);
  });
});

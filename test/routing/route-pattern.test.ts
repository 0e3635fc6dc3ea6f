import { expect } from 'chai';
import fc from 'fast-check';
import { checkHeaderPattern, checkRoutePath, headerPattern, pathRegex } from '../../src/routing/route-pattern.ts';

describe('The patterns of a route', () => {
  describe('refuse a path', () => {
    const start = 'should start with: / (fixed path) or ~/ (regex path)';
    for (const [step, path, why] of [
      ['routes/invalid:5', 'a', start],
      ['routes/invalid:6', '', 'length must be at least 1'],
      ['routes/invalid:7', '/a//b', 'must not have empty segments'],
      ['routes/invalid:10', '/%zz', "invalid url-encoded value: '%zz'"],
      ['routes/invalid:11', '/%61', "non-normalized path, consider use '/a' instead"],
      [
        'routes/invalid:14',
        '~/(',
        'invalid regex: \'/(\' (PCRE returned: pcre2_compile() failed: missing closing parenthesis in "/(")',
      ],
      ['routes/invalid:15', '~a', start],
      ['in a regex too', '~/a//b', 'must not have empty segments'],
      ['dots', '/a/../b', "non-normalized path, consider use '/b' instead"],
      ['letters', '/caf%C3%A9', "non-normalized path, consider use '/café' instead"],
      ['half a triplet', '/a%2', "invalid url-encoded value: '%2'"],
      ['lower case', '/a%2f', "non-normalized path, consider use '/a%2F' instead"],
      [
        'look-ahead',
        '~/a(?!b)',
        "invalid regex: '/a(?!b)' (look-ahead is not supported: write what may follow, or add a route with a higher " +
          'regex_priority, at "(?!b)")',
      ],
      [
        'a backreference',
        '~/(a)\\1',
        'invalid regex: \'/(a)\\1\' (a backreference is not supported: write the text once more, at "\\1")',
      ],
      [
        'SE-08: size',
        '~/(?:a?){400}a{400}',
        "invalid regex: '/(?:a?){400}a{400}' (it is too large: written out without {n} it has more than 1000 parts)",
      ],
    ] as const) {
      it(`${step}: ${JSON.stringify(path)}`, () => {
        expect(checkRoutePath(path)).to.equal(why);
      });
    }
  });

  it('accept a path (routes/invalid:8-13)', () => {
    for (const path of [
      '/',
      '/a',
      '/a/',
      '/a b',
      '/a?b',
      '/a*',
      '/a/\\d+',
      '/café',
      '/a%2F',
      '~/a/\\d+$',
      '~/(?<n>a)',
    ]) {
      expect(checkRoutePath(path), path).to.equal(undefined);
    }
  });

  it('accept any text as a header value, or a regex after ~*', () => {
    expect(checkHeaderPattern('(')).to.equal(undefined);
    expect(checkHeaderPattern('~*^v\\d$')).to.equal(undefined);
    expect(checkHeaderPattern('~*(')).to.equal(
      'invalid regex: \'(\' (PCRE returned: pcre2_compile() failed: missing closing parenthesis in "(")',
    );
    expect(checkHeaderPattern('~*a(?=b)')).to.match(/look-ahead/);
  });

  it('match a header value without case', () => {
    expect(headerPattern('Two')('two')).to.equal(true);
    expect(headerPattern('Two')('twofold')).to.equal(false);
    expect(headerPattern('~*^V\\D$')('vx')).to.equal(true);
    expect(headerPattern('~*^V\\D$')('v1')).to.equal(false);
    expect(headerPattern('~*b')('abc')).to.equal(true);
  });

  it('compile every path that is accepted', () => {
    const pieces = fc.constantFrom(
      'a',
      '/',
      '(',
      ')',
      '[',
      ']',
      '\\d',
      '*',
      '{2}',
      '(?i)',
      '(?=',
      '|',
      '%',
      'é',
      '?',
      '.',
    );
    fc.assert(
      fc.property(fc.string({ unit: pieces, maxLength: 12 }), (text) => {
        const path = `~/${text}`;
        if (checkRoutePath(path) === undefined) expect(pathRegex(path).test('/')).to.be.a('boolean');
        else expect(path.includes('//') || (() => void pathRegex(path)).bind(null)).to.satisfy(throwsOrTrue);
      }),
      { numRuns: 300 },
    );
  });
});

function throwsOrTrue(of: boolean | (() => void)): boolean {
  if (typeof of === 'boolean') return of;
  try {
    of();
    return false;
  } catch {
    return true;
  }
}

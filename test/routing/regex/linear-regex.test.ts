import { expect } from 'chai';
import fc from 'fast-check';
import { compileRegex, type LinearRegex } from '../../../src/routing/regex/linear-regex.ts';

function compiled(source: string): LinearRegex {
  const regex = compileRegex(source);
  if ('refused' in regex) throw new Error(`${source}: ${regex.refused}`);
  return regex;
}

function refusal(source: string): string | undefined {
  const regex = compileRegex(source);
  return 'refused' in regex ? regex.refused : undefined;
}

describe('A regular expression of a route', () => {
  describe('supports', () => {
    const table: readonly (readonly [what: string, regex: string, fits: readonly string[], not: readonly string[]])[] =
      [
        ['literals', '^ab$', ['ab'], ['abc', 'aab', 'AB']],
        ['escaped punctuation', '^\\/\\.\\-\\{\\}\\ $', ['/.-{} '], ['/x-{} ']],
        ['unmatched closing braces and brackets', '^a}]$', ['a}]'], ['a']],
        ['control characters by letter', '^\\a\\f\\t\\n\\r\\v$', ['\x07\f\t\n\r\v'], ['afnrtv']],
        ['characters by number', '^\\x41\\x{e9}\\x{1F600}$', ['Aé😀'], ['Ae😀']],
        ['any character but a line feed', '^.$', ['a', '\r', '😀'], ['\n', 'ab']],
        ['digits of any script', '^\\d+$', ['12', '٣'], ['a', 'Ⅷ']],
        ['words of any script', '^\\w+$', ['aZ_9', 'éß字', 'a\u0301', 'Ⅷ'], ['a b', '-', '€']],
        ['blanks of any script', '^\\s+$', [' \t\n\v\u00a0\u2003\u3000'], ['\u200b', 'x']],
        ['the complements of these', '^\\D\\W\\S$', ['a-x'], ['1-x', 'aax', 'a- ']],
        ['Unicode categories', '^\\p{Lu}\\pL\\P{Lu}\\PL$', ['ÀÀa1'], ['àÀa1', 'ÀÀA1', 'ÀÀaa']],
        ['their negation', '^\\p{^Lu}$', ['a'], ['A']],
        ['scripts and properties', '^\\p{Greek}\\p{White_Space}[\\p{Greek}1]$', ['α ω', 'α 1'], ['a ω', 'αωω']],
        ['sets in a class', '^[\\d_][\\w-][\\D][\\S]$', ['1é--', '_-aa', '٣_-字'], ['a---', '1 --', '1-1-', '1-- ']],
        ['sets in a complement', '^[^\\d/]+$', ['a-é'], ['1', '/']],
        ['the classes of POSIX', '^[[:alpha:]][[:^digit:]][[:xdigit:]_]$', ['aaF', 'Zé_'], ['éaF', 'a1F', 'aaG']],
        ['ranges and single characters', '^[a-cx_]+$', ['abcx_'], ['d', '-']],
        ['a dash at either end', '^[-a][a-]$', ['--', 'aa'], ['b-']],
        ['a closing bracket that comes first', '^[]a][^]a]$', [']b', 'ab'], [']]', 'ba']],
        ['the complement', '^[^/]+$', ['a\nb', 'é'], ['a/b']],
        ['repetitions', '^a*b+c?d{2}e{1,}f{0,1}$', ['bdde', 'aabbcddeef'], ['ac', 'bde', 'bddeff']],
        ['repetitions of repetitions', '^(?:a{2}){2}(?:b+)*$', ['aaaabb', 'aaaa'], ['aab']],
        ['alternatives, empty ones too', '^(?:a|bc|)$', ['a', 'bc', ''], ['b']],
        ['case', '^(?i)straße[k]$', ['STRAßEK', 'straẞe\u212a'], ['STRASSEK']],
        ['case in classes and properties', '(?i)^[^a]\\p{Lu}[bd]$', ['bxB'], ['Axb', 'b1b', 'bxC']],
        ['the ſ that is an s and the ı that is no i', '(?i)^s[i]$', ['ſI'], ['sı']],
        ['flags in a group only', '^(?i:a)b$', ['Ab'], ['AB']],
        ['flags for the rest of the group, past an alternative', '^(?:(?i)a|b)c$', ['Ac', 'Bc'], ['AC']],
        ['flags taken back', '^(?i)a(?-i)b$', ['Ab'], ['AB']],
        ['lines', '(?m)^b$', ['a\nb\nc'], ['ab']],
        ['texts', '\\Ab\\z', ['b'], ['b\n', 'a\nb']],
        ['a dollar at the end', 'b$', ['b'], ['b\n']],
        ['a dot for everything', '^(?s).$', ['\n'], ['']],
        ['word boundaries', '\\bapi\\b', ['/api/x', 'api'], ['/apis', 'xapi']],
        ['other places than word boundaries', '\\Bpi', ['api'], ['/pi', 'pi']],
      ];
    for (const [what, source, fits, not] of table) {
      it(`${what}: ${source}`, () => {
        const regex = compiled(source);
        for (const text of fits) expect(regex.test(text), JSON.stringify(text)).to.equal(true);
        for (const text of not) expect(regex.test(text), JSON.stringify(text)).to.equal(false);
      });
    }
  });

  describe('prefers', () => {
    for (const [source, text, found] of [
      ['a|ab', 'xabc', 'a'],
      ['a+', 'baab', 'aa'],
      ['a+?', 'baab', 'a'],
      ['(?U)a+', 'baab', 'a'],
      ['(?U)a+?', 'baab', 'aa'],
      ['a{2,3}?', 'aaaa', 'aa'],
      ['^/a|/b', '/x/b', '/b'],
      ['', 'abc', ''],
    ] as const) {
      it(`the leftmost match, then the first branch: ${source} finds ${JSON.stringify(found)} in ${text}`, () => {
        expect(compiled(source).find(text)).to.equal(found);
      });
    }
  });

  it('numbers its groups by their opening, and has their names', () => {
    const regex = compiled('^(a(?P<x>b)?)(?:c)(?<y_z>(d)|e)');
    expect(regex.groupNames).to.deep.equal([undefined, undefined, 'x', 'y_z', undefined]);
    expect(regex.groups('acef')).to.deep.equal(['ace', 'a', undefined, 'e', undefined]);
    expect(regex.groups('abcd')).to.deep.equal(['abcd', 'ab', 'b', 'd', 'd']);
    expect(regex.groups('x')).to.equal(undefined);
  });

  describe('refuses by name', () => {
    for (const [source, reason] of [
      ['a(?=b)', 'look-ahead is not supported: write what may follow, or add a route with a higher regex_priority'],
      ['a(?!b)', 'look-ahead is not supported: write what may follow, or add a route with a higher regex_priority'],
      ['(?<=a)b', 'look-behind is not supported: write what may come before'],
      ['(?<!a)b', 'look-behind is not supported: write what may come before'],
      ['(a)\\1', 'a backreference is not supported: write the text once more'],
      ['(?<n>a)\\k<n>', 'a backreference is not supported: write the text once more'],
      ['(?P<n>a)(?P=n)', 'a backreference is not supported: write the text once more'],
      ['(?>a+)', 'an atomic group is not supported: write (?:…); every match takes linear time'],
      ['(?R)', 'a recursion is not supported: write the nested levels out'],
      ['(?&n)', 'a recursion is not supported: write the nested levels out'],
      ['(?|a|b)', 'a branch reset is not supported: write (?:…) with a group in each branch'],
      ['(?#x)', 'a comment is not supported: leave it out'],
      ['(?(1)a)', 'a condition is not supported: write the cases as branches: (?:a|b)'],
      ['(*FAIL)', 'a verb is not supported: leave it out'],
      ['(?x) a', 'the flag x is not supported: write the expression without blanks and comments'],
      ['(?-u)\\w', 'the flag u is not supported: leave it out; characters are those of Unicode'],
      ['(?z)', 'this group is not supported: there are (…), (?:…), (?<name>…) and the flags i, m, s and U'],
      ['(?)', 'this group is not supported: there are (…), (?:…), (?<name>…) and the flags i, m, s and U'],
      ['(?i-)', 'this group is not supported: there are (…), (?:…), (?<name>…) and the flags i, m, s and U'],
      ['(?<1>a)', 'this group name is not supported: use ASCII letters, digits and _, and close it with >'],
      ['(?<a.b>a)', 'this group name is not supported: use ASCII letters, digits and _, and close it with >'],
      ['\\Qa.b\\E', 'a quotation is not supported: write \\ before each special character'],
      ['\\h', 'the class \\h is not supported: write [ \\t]'],
      ['a\\Z', 'the end before a line break is not supported: write $'],
      ['a\\Kb', 'the reset of the match is not supported: match the path from its beginning'],
      ['\\<a\\>', 'the start or end of a word is not supported: write \\b'],
      ['\\u0041', 'this code point is not supported: write \\x{…} with its hexadecimal digits'],
      ['\\y', 'this escape is not supported: write the character itself'],
      ['\\é', 'this escape is not supported: write the character itself'],
      ['\\p{white space}', 'this Unicode property is not supported: write a category or script: \\p{Lu}, \\p{Greek}'],
      ['\\p{Klingon}', 'there is no such Unicode property: write a category or script, as in \\p{Lu} or \\p{Greek}'],
      ['[a[bc]]', 'a [ in a class is not supported: write \\[ for the character, or list all characters in one class'],
      [
        '[a-z&&b]',
        'a set operation in a class is not supported: list the characters, or write \\ before the second sign',
      ],
      [
        '[a-z--b]',
        'a set operation in a class is not supported: list the characters, or write \\ before the second sign',
      ],
      ['[^\\W_]', '\\W in a class is not supported: write [^\\w] or list the characters'],
      ['/users/{id}', 'a brace that is no repetition {n}, {n,} or {n,m} is not supported: write \\{ for the character'],
      ['a{', 'a brace that is no repetition {n}, {n,} or {n,m} is not supported: write \\{ for the character'],
      ['a{,2}', 'a brace that is no repetition {n}, {n,} or {n,m} is not supported: write \\{ for the character'],
      ['(', 'missing closing parenthesis'],
      ['(a', 'missing closing parenthesis'],
      ['[a', 'missing terminating ] for character class'],
      ['[]', 'missing terminating ] for character class'],
      ['a\\', '\\ at end of pattern'],
      ['[a\\', '\\ at end of pattern'],
      ['*', 'quantifier does not follow a repeatable item'],
      ['a|+', 'quantifier does not follow a repeatable item'],
      ['(?i)?', 'quantifier does not follow a repeatable item'],
      ['^*', 'quantifier does not follow a repeatable item'],
      ['a)', 'unexpected )'],
      ['[b-a]', 'invalid character class range'],
      ['a{2,1}', 'invalid repeat count'],
      ['b++', 'invalid nested repetition operator'],
      ['\\x{110000}', 'invalid escape sequence'],
      ['(?<a>x)(?<a>y)', 'duplicate capture group name'],
    ] as const) {
      it(`${source.slice(0, 30)}: ${reason}`, () => {
        expect(refusal(source)).to.equal(reason);
      });
    }

    it('and says at which place', () => {
      expect(compileRegex('^/é(?=b)c')).to.have.property('rest', '(?=b)c');
    });
  });

  it('has the literal prefix of every text that matches', () => {
    for (const [source, prefix] of [
      ['^/a/\\d+$', '/a/'],
      ['^/a/(b)(?<x>c)d?', '/a/'],
      ['^/(?:users)/', '/'],
      ['^/v1\\.2/é$', '/v1.2/é'],
      ['^/ab?c', '/a'],
      ['^/ab{2}', '/a'],
      ['^/ab+', '/ab'],
      ['^/a|/b', ''],
      ['^/(?i)a', '/'],
      ['/a', ''],
      ['(?m)^a', ''],
      ['^/a*', '/'],
    ] as const) {
      expect(compiled(source).literalPrefix, source).to.equal(prefix);
    }
  });

  describe('SE-08: cannot stall the gate', () => {
    const long = 16_000;
    const attacks: readonly (readonly [regex: string, text: string])[] = [
      ['^/(x+x+)+y$', `/${'x'.repeat(long)}`],
      ['^/(a+)+$', `/${'a'.repeat(long)}!`],
      ['^/(a*)*$', `/${'a'.repeat(long)}!`],
      ['^/(a|a)*$', `/${'a'.repeat(long)}!`],
      ['^/(a|aa)+$', `/${'a'.repeat(long)}!`],
      ['^/(.*?,){12}P', `/${'1,'.repeat(long / 2)}`],
      ['^/(.*)(.*)(.*)(.*)(.*)(.*)[^a]$', `/${'a'.repeat(long)}`],
      ['^/([a-zA-Z]+)*\\d$', `/${'a'.repeat(long)}`],
      ['^/(\\w+\\s?)*$', `/${'a'.repeat(long)}!`],
      ['^/(a?){30}a{30}$', `/${'a'.repeat(29)}`],
      ['^/\\s+$|x$', `/${' '.repeat(long)}!`],
      ['^/(?:(?:(?:a?)*)*)*$', `/${'a'.repeat(long)}!`],
      ['^/(([a-z])+.)+[A-Z]([a-z])+$', `/${'a'.repeat(long)}`],
      ['^/(?i)(?:(?:é|É)+)+x$', `/${'éÉ'.repeat(long / 2)}`],
    ];
    // A backtracking matcher would need years for these.
    for (const [source, text] of attacks) {
      it(`by ${source} on ${text.length} characters`, () => {
        expect(compiled(source).find(text)).to.equal(undefined);
        expect(compiled(source).groups(text)).to.equal(undefined);
      });
    }

    it('by a repetition that is huge when it is written out', () => {
      const large = 'it is too large: written out without {n} it has more than 1000 parts';
      const long = ['x', '(a|b)', 'a|', '[a-z]+'].map((part) => part.repeat(200_000));
      const repeated = ['a{1001}', '(a{100}){11}', '((a{0,50}){0,50}){0,50}', 'a{999999,}'];
      for (const source of [...repeated, '(abc){500}', '(a|b){400}x', 'x'.repeat(1001), '(?:a?){400}a{400}', ...long]) {
        expect(refusal(source), source.slice(0, 30)).to.equal(large);
      }
      expect(refusal('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')).to.equal(undefined);
    });
  });

  it('finds the same as RegExp, where both have the syntax', () => {
    const inJavaScript = (source: string) => source.replaceAll('\\d', '\\p{Nd}').replaceAll('\\x{62}', 'b');
    const atom = fc.constantFrom('a', 'b', 'é', '/', '.', '[ab]', '[^a]', '\\d', '[a-é]', '\\x{62}', '(?:)');
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `${one}${other}`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `(?:${one}|${other})`),
        fc
          .tuple(
            tie('pattern'),
            fc.constantFrom('*', '+', '?', '*?', '+?', '??', '{2}', '{2,}', '{2,}?', '{0,}', '{1,2}'),
          )
          .map(([of, times]) => {
            // The two differ in repetitions of the empty text.
            return new RegExp(`^(?:${inJavaScript(of)})$`, 'u').test('') ? `(?:${of})` : `(?:${of})${times}`;
          }),
        tie('pattern').map((of) => `(${of})`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '/', '1', '\n', '😀', 'É', 'A'), maxLength: 12 });
    fc.assert(
      fc.property(
        pattern,
        fc.constantFrom('', 'i'),
        fc.boolean(),
        fc.array(text, { maxLength: 5 }),
        (source, i, end, texts) => {
          const ours = compiled(`${i === '' ? '' : '(?i)'}^${source}${end ? '$' : ''}`);
          // In JavaScript a dot matches no carriage return or line separator either; the texts have none.
          const theirs = new RegExp(`^${inJavaScript(source)}${end ? '$' : ''}`, `u${i}`);
          for (const one of texts) expect(ours.find(one)).to.equal(theirs.exec(one)?.[0]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('finds only the part that matches, where $ is a character, the end of a line or of a branch', () => {
    for (const [source, text, part] of [
      ['^/a\\$', '/a$/b', '/a$'],
      ['^(?m)/a$', '/a\n/b', '/a'],
      ['^(?im)/A$', '/a\n/b', '/a'],
      ['^/a|/b$', '/a/c', '/a'],
      ['^/a$', '/a', '/a'],
    ] as const) {
      expect(compiled(source).find(text), source).to.equal(part);
    }
  });

  it('is compiled or refused, whatever it is, and never throws', () => {
    const piece = fc.constantFrom(
      ...[
        '(',
        ')',
        '[',
        ']',
        '{',
        '}',
        '?',
        '*',
        '+',
        '|',
        '^',
        '$',
        '\\',
        '.',
        '-',
        '&&',
        '--',
        '~~',
        ':',
        '<',
        '>',
        '=',
      ],
      ...[
        '(?',
        '(?P<',
        '(?i',
        '(?x)',
        '[[:alpha:]]',
        '\\p{',
        '\\x{',
        '\\b',
        'a',
        '1',
        ',',
        '#',
        ' ',
        '😀',
        '\ud800',
        '!',
      ],
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: piece, maxLength: 20 }), fc.string({ unit: 'binary' })), (source) => {
        const regex = compileRegex(source);
        if (!('refused' in regex)) {
          for (const text of ['', 'a', 'a1,😀']) expect(regex.test(text)).to.equal(regex.find(text) !== undefined);
        } else expect(regex.refused).to.not.equal('');
      }),
      { numRuns: 1000 },
    );
  });
});

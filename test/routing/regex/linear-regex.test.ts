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

describe('A regular expression in the syntax of Rust', () => {
  describe('understands', () => {
    const table: readonly (readonly [what: string, regex: string, fits: readonly string[], not: readonly string[]])[] =
      [
        ['literals', '^ab$', ['ab'], ['abc', 'aab', 'AB']],
        ['escaped punctuation', '^\\/\\.\\-\\{\\}\\ $', ['/.-{} '], ['/x-{} ']],
        ['a brace and a bracket that close nothing', '^a}]$', ['a}]'], ['a']],
        ['control characters by letter', '^\\a\\f\\t\\n\\r\\v$', ['\x07\f\t\n\r\v'], ['afnrtv']],
        ['characters by number', '^\\x41\\x{e9}\\u0041\\u{1F600}\\U00000041$', ['Aé\u0041😀A'], ['AeA']],
        ['any character but a line feed', '^.$', ['a', '\r', '😀'], ['\n', 'ab']],
        ['digits of any script', '^\\d+$', ['12', '٣'], ['a', 'Ⅷ']],
        ['words of any script', '^\\w+$', ['aZ_9', 'éß字', 'a\u0301', 'Ⅷ'], ['a b', '-', '€']],
        ['blanks of any script', '^\\s+$', [' \t\n\v\u00a0\u2003\u3000'], ['\u200b', 'x']],
        ['what is outside of them', '^\\D\\W\\S$', ['a-x'], ['1-x', 'aax', 'a- ']],
        ['Unicode categories', '^\\p{Lu}\\pL\\P{Lu}\\PL$', ['ÀÀa1'], ['àÀa1', 'ÀÀA1', 'ÀÀaa']],
        ['their negation', '^\\p{^Lu}$', ['a'], ['A']],
        [
          'scripts and properties, loosely spelt',
          '^\\p{greek}\\p{sc=Greek}\\p{white space}\\p{Upper-Case}$',
          ['αω A'],
          ['aω A'],
        ],
        ['the classes of POSIX', '^[[:alpha:]][[:^digit:]][[:xdigit:]_]$', ['aaF', 'Zé_'], ['éaF', 'a1F', 'aaG']],
        ['ranges and single characters', '^[a-cx_]+$', ['abcx_'], ['d', '-']],
        ['a dash at either end', '^[-a][a-]$', ['--', 'aa'], ['b-']],
        ['a closing bracket that comes first', '^[]a][^]a]$', [']b', 'ab'], [']]', 'ba']],
        ['the complement', '^[^/]+$', ['a\nb', 'é'], ['a/b']],
        ['nested classes', '^[a-c[x-z]]+$', ['axz'], ['d', '[']],
        ['intersection', '^[a-y&&xyz]$', ['x', 'y'], ['z', 'a']],
        ['intersection with a complement', '^[\\w&&[^\\d_]]+$', ['aé'], ['a1', '_']],
        ['difference', '^[0-9--4]$', ['3', '5'], ['4', '-']],
        ['symmetric difference', '^[a-g~~b-h]$', ['a', 'h'], ['b', 'g']],
        ['operators from left to right', '^[a-c&&b-d--b]$', ['c'], ['b', 'd']],
        ['a named class only where one stands', '^[[:foo:]]+$', ['of:'], ['[', 'a']],
        ['repetitions', '^a*b+c?d{2}e{1,}f{0,1}$', ['bdde', 'aabbcddeef'], ['ac', 'bde', 'bddeff']],
        ['repetitions of repetitions', '^(?:a{2}){2}b++c**$', ['aaaabbc'], ['aab']],
        ['blanks in the counts', '^a{ 1 , 2 }$', ['a', 'aa'], ['aaa']],
        ['alternatives, empty ones too', '^(?:a|bc|)$', ['a', 'bc', ''], ['b']],
        ['case', '^(?i)straße[k]$', ['STRAßEK', 'straẞe\u212a'], ['STRASSEK']],
        ['case in classes and properties', '(?i)^[^a]\\p{Lu}[b-d&&[^c]]$', ['bxB'], ['Axb', 'b1b', 'bxC']],
        ['the ſ that is an s and the ı that is no i', '(?i)^s[i]$', ['ſI'], ['sı']],
        ['flags in a group only', '^(?i:a)b$', ['Ab'], ['AB']],
        ['flags for the rest of the group, past an alternative', '^(?:(?i)a|b)c$', ['Ac', 'Bc'], ['AC']],
        ['flags taken back', '^(?i)a(?-i)b$', ['Ab'], ['AB']],
        ['lines', '(?m)^b$', ['a\nb\nc'], ['ab']],
        ['texts', '\\Ab\\z', ['b'], ['b\n', 'a\nb']],
        ['a dollar at the very end', 'b$', ['b'], ['b\n']],
        ['a dot for everything', '^(?s).$', ['\n'], ['']],
        ['verbose writing', '(?x) ^ a [ b c ] \\  # comment\n d $', ['ab d', 'ac d'], ['abd', 'a d']],
        ['ASCII alone', '^(?-u)\\w\\d(?i)k$', ['a1K'], ['é1k', 'a٣k', 'a1\u212a']],
        ['word boundaries', '\\bapi\\b', ['/api/x', 'api'], ['/apis', 'xapi']],
        ['what is no word boundary', '\\Bpi', ['api'], ['/pi', 'pi']],
        ['a class that holds nothing', '^[a&&b]$', [], ['a', 'b', '']],
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
      it(`the leftmost, then the first alternative: ${source} takes ${JSON.stringify(found)} of ${text}`, () => {
        expect(compiled(source).find(text)).to.equal(found);
      });
    }
  });

  it('numbers its groups by their opening, and knows their names', () => {
    const regex = compiled('^(a(?P<x>b)?)(?:c)(?<y.z>(d)|e)');
    expect(regex.groupNames).to.deep.equal([undefined, undefined, 'x', 'y.z', undefined]);
    expect(regex.groups('acef')).to.deep.equal(['ace', 'a', undefined, 'e', undefined]);
    expect(regex.groups('abcd')).to.deep.equal(['abcd', 'ab', 'b', 'd', 'd']);
    expect(regex.groups('x')).to.equal(undefined);
  });

  describe('refuses by name', () => {
    for (const [source, reason] of [
      ['a(?=b)', 'look-ahead (?= is not in this syntax'],
      ['a(?!b)', 'look-ahead (?! is not in this syntax'],
      ['(?<=a)b', 'look-behind (?<= is not in this syntax'],
      ['(?<!a)b', 'look-behind (?<! is not in this syntax'],
      ['(a)\\1', 'a backreference \\1 is not in this syntax'],
      ['(?<n>a)\\k<n>', 'a backreference \\k is not in this syntax'],
      ['(?P<n>a)(?P=n)', 'a backreference (?P= is not in this syntax'],
      ['(?>a+)', 'an atomic group (?> is not in this syntax'],
      ['(?R)', 'the flag R (lines that end with CRLF) is not supported'],
      ['(?&n)', 'a recursion (?& is not in this syntax'],
      ['(?|a|b)', 'a branch reset (?| is not in this syntax'],
      ['(?#x)', 'a comment (?# is not in this syntax'],
      ['(?(1)a)', 'a condition (?( is not in this syntax'],
      ['(*FAIL)', 'a verb (* is not in this syntax'],
      ['\\Qa.b\\E', 'a quotation \\Q is not in this syntax'],
      ['\\h', 'the class of horizontal blanks \\h is not in this syntax'],
      ['a\\Z', 'the end before a line break \\Z is not in this syntax'],
      ['a\\Kb', 'the reset of the match \\K is not in this syntax'],
      ['\\y', 'an escape that \\y is not in this syntax'],
      ['\\b{start}', '\\b{…} (one side of a word boundary) is not supported'],
      ['\\p{Klingon}', 'no Unicode property is named "Klingon"'],
      ['\\p{xx=Greek}', 'no Unicode property is named "xx=Greek"'],
      ['(?-u)\\W', 'without the flag u this would match parts of characters'],
      ['(?z)', '"z" is none of the flags i, m, s, U, u, x'],
      ['(?)', 'a flag is missing'],
      ['(?i-)', 'a flag is missing'],
      ['(', 'missing closing parenthesis'],
      ['(a', 'missing closing parenthesis'],
      ['(?i', 'missing closing parenthesis'],
      ['a)', 'unmatched closing parenthesis'],
      ['[a', 'missing terminating ] for character class'],
      ['[]', 'missing terminating ] for character class'],
      ['[b-a]', 'range out of order in character class'],
      ['[a-\\d]', 'a range in a class goes from one character to another'],
      ['*', 'quantifier does not follow a repeatable item'],
      ['a|+', 'quantifier does not follow a repeatable item'],
      ['(?i)?', 'quantifier does not follow a repeatable item'],
      ['a{2,1}', 'numbers out of order in {} quantifier'],
      ['a{', '{ begins a repetition {n}, {n,} or {n,m}; a brace itself is written \\{'],
      ['a{,2}', '{ begins a repetition {n}, {n,} or {n,m}; a brace itself is written \\{'],
      ['a\\', '\\ at end of pattern'],
      ['\\x{110000}', '\\x is followed by 2 hex digits, or some in braces'],
      ['\\ud800', '\\u is followed by 4 hex digits, or some in braces'],
      ['(?<1>a)', 'a group name is made of letters, digits and _ and ends with >'],
      ['(?<a>x)(?<a>y)', 'the group name a comes twice'],
      ['('.repeat(251), 'groups and classes may be 250 deep at most'],
    ] as const) {
      it(`${source.slice(0, 30)}: ${reason}`, () => {
        expect(refusal(source)).to.equal(reason);
      });
    }

    it('and says where', () => {
      expect(compileRegex('^/é(?=b)c')).to.have.property('rest', '(?=b)c');
    });
  });

  it('knows what every text begins with that it fits', () => {
    for (const [source, prefix] of [
      ['^/a/\\d+$', '/a/'],
      ['^/a/(b)(?<x>c)d?', '/a/bc'],
      ['^/(?:users)/', '/users/'],
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
    // To a backtracking matcher these are work for years. Were one at work here, this would not end.
    for (const [source, text] of attacks) {
      it(`by ${source} on ${text.length} characters`, () => {
        expect(compiled(source).find(text)).to.equal(undefined);
        expect(compiled(source).groups(text)).to.equal(undefined);
      });
    }

    it('by what is huge when it is written out', () => {
      const many = 'a repetition may ask for 1000 at most, together with those around it';
      for (const source of ['a{1001}', '(a{100}){11}', '((a{0,50}){0,50}){0,50}', 'a{999999,}']) {
        expect(refusal(source), source).to.equal(many);
      }
      const large = 'it is too large: written out without {n} it has more than 1000 parts';
      const long = ['x', '(a|b)', 'a|', '[a-z]+'].map((part) => part.repeat(200_000));
      for (const source of ['(abc){500}', '(a|b){400}x', 'x'.repeat(1001), '(?:a?){400}a{400}', ...long]) {
        expect(refusal(source), source.slice(0, 30)).to.equal(large);
      }
      expect(refusal('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')).to.equal(undefined);
    });
  });

  it('finds what the matcher of this JavaScript finds, where both can say it', () => {
    const inJavaScript = (source: string) => source.replaceAll('\\d', '\\p{Nd}').replaceAll('\\x{62}', 'b');
    const atom = fc.constantFrom('a', 'b', 'é', '/', '.', '[ab]', '[^a]', '\\d', '[a-é]', '\\x{62}', '(?:)');
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `${one}${other}`),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `(?:${one}|${other})`),
        fc
          .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '*?', '+?', '??', '{2}', '{1,2}'))
          .map(([of, times]) => {
            // Of a repeated nothing the two have ideas of their own.
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
          // To JavaScript a dot is no carriage return and no line separator either; the texts have none.
          const theirs = new RegExp(`^${inJavaScript(source)}${end ? '$' : ''}`, `u${i}`);
          for (const one of texts) expect(ours.find(one)).to.equal(theirs.exec(one)?.[0]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is read or refused, whatever it is, and never throws', () => {
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
        } else expect(source.endsWith(regex.rest)).to.equal(true);
      }),
      { numRuns: 1000 },
    );
  });
});

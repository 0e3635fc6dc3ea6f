/**
 * Translates the regular expressions of Kong's router, which are those of the Rust crate `regex`, to the syntax of RE2.
 *
 * The two agree in nearly everything. What differs is translated (`\d`, `\s` and `\w` mean Unicode characters in Rust and
 * ASCII in RE2) or refused by name with what to write instead. Errors that both have (an open group, a wrong range) are
 * left to RE2.
 */
export interface TranslatedRegex {
  /** The expression in the syntax of RE2. */
  readonly text: string;
  /** How many parts it has when repetitions are written out: matching costs at most this times the length of the text. */
  readonly size: number;
  /** Whether a `|` is outside of all groups. */
  readonly hasBranches: boolean;
  /** Whether it begins with `^`, ends with `$` and has no branches, so that a match takes the whole text. */
  readonly takesWholeText: boolean;
}

/** A construct that cannot be translated. The message names it and says what to write instead. */
export class UnsupportedRegex extends Error {
  /** What is left of the expression, from the construct on. */
  readonly rest: string;
  constructor(message: string, rest: string) {
    super(message);
    this.rest = rest;
  }
}

/** Throws `UnsupportedRegex`. */
export function translateRegex(source: string): TranslatedRegex {
  const groups: Group[] = [{ size: 0, last: 0 }];
  let text = '';
  let hasBranches = false;
  let last = '';
  for (let at = 0; at < source.length; at += last.length) {
    const group = groups.at(-1)!;
    const character = source[at]!;
    if (character === '(') {
      last = tokenAt(source, at, opening);
      if (last.endsWith(')')) group.last = 0;
      else groups.push({ size: 0, last: 0 });
      text += last;
    } else if (character === ')') {
      last = ')';
      // Without an open group RE2 says so.
      if (groups.length > 1) {
        const { size } = groups.pop()!;
        add(groups.at(-1)!, size + 2);
      }
      text += last;
    } else if (/[*+?{]/.test(character)) {
      last = tokenAt(source, at, quantifier);
      if (group.last === 0) {
        throw new UnsupportedRegex('quantifier does not follow a repeatable item', source.slice(at));
      }
      repeat(group, last);
      text += last;
    } else if (character === '|') {
      last = '|';
      hasBranches ||= groups.length === 1;
      add(group, 1);
      group.last = 0;
      text += last;
    } else if (character === '^' || character === '$') {
      last = character;
      group.last = 0;
      text += last;
    } else if (character === '[') {
      last = classAt(source, at);
      add(group, 1);
      text += translatedClass(source, at, last);
    } else {
      last = character === '\\' ? tokenAt(source, at, escaped) : String.fromCodePoint(source.codePointAt(at)!);
      add(group, 1);
      text += unicodeClasses.get(last) ?? last;
    }
  }
  const isAnchored = source.startsWith('^') && last === '$' && groups.length === 1;
  const takesWholeText = isAnchored && !hasBranches && !/\(\?[a-zA-Z]*m/.test(source);
  return { text, size: groups.reduce((sum, { size }) => sum + size, 0), hasBranches, takesWholeText };
}

// Sizes ---------------------------------------------------------------------------------------------------------------

interface Group {
  size: number;
  /** The size of the part that a quantifier would repeat; 0 if there is none. */
  last: number;
}

function add(group: Group, size: number): void {
  group.size += size;
  group.last = size;
}

function repeat(group: Group, written: string): void {
  const [, min = '1', max = min] = /^\{(\d+)(?:,(\d*))?/.exec(written) ?? [];
  const copies = Math.max(Number(max === '' ? min : max), 1);
  group.size += group.last * (copies - 1) + 1;
  group.last = group.last * copies + 1;
}

// Tokens --------------------------------------------------------------------------------------------------------------

const opening = /\((?:\?(?:P?<[A-Za-z_]\w*>|[imsU]+(?:-[imsU]+)?[:)]|-[imsU]+[:)]|:)|(?![?*]))/y;
const quantifier = /(?:[*+?]|\{\d{1,6}(?:,\d{0,6})?\})\??/y;
const escaped =
  /\\(?:[dDsSwWbBAzaftnrv !-/:;=?@[-`{-~]|[pP](?:\{\^?\w+\}|[A-Z])|x(?:[\dA-Fa-f]{2}|\{[\dA-Fa-f]+\})|$)/y;
const posixClass = /\[:\^?[a-z]+:\]/y;

function tokenAt(source: string, at: number, form: RegExp): string {
  const token = match(source, at, form);
  if (token !== undefined) return token;
  // The last rows of the table match whatever begins a group, a repetition, an escape or a class.
  const [, construct, instead] = notSupported.find(([begin]) => match(source, at, begin) !== undefined)!;
  throw unsupported(source, at, construct, instead);
}

/** A class with its brackets; up to the end of the text if it is not closed. */
function classAt(source: string, start: number): string {
  let at = start + 1;
  if (source[at] === '^') at++;
  // "[]a]": a bracket that comes first is itself.
  if (source[at] === ']') at++;
  while (at < source.length && source[at] !== ']') {
    if (source[at] === '\\') at += tokenAt(source, at, escaped).length;
    else if (source[at] === '[') at += tokenAt(source, at, posixClass).length;
    else if (/^(?:&&|--|~~)/.test(source.slice(at, at + 2))) {
      throw unsupported(
        source,
        at,
        'a set operation in a class',
        'list the characters, or write \\ before the second sign',
      );
    } else at++;
  }
  return source.slice(start, at + 1);
}

function translatedClass(source: string, at: number, written: string): string {
  return written.replace(/\\(?:[pPx]\{[^}]*\}|.)/gs, (token, offset: number) => {
    if (token === '\\W') {
      throw unsupported(source, at + offset, '\\W in a class', 'write [^\\w] or list the characters');
    }
    return unicodeClasses.get(token)?.replace(/^\[(.*)\]$/, '$1') ?? token;
  });
}

// "\d", "\s" and "\w" are "Unicode friendly" in Rust: Nd, White_Space, and the word characters of UTS #18 Annex C.
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}';
const unicodeClasses = new Map([
  ['\\d', '\\p{Nd}'],
  ['\\D', '\\P{Nd}'],
  ['\\s', '\\p{White_Space}'],
  ['\\S', '\\P{White_Space}'],
  ['\\w', `[${word}]`],
  ['\\W', `[^${word}]`],
]);

function match(source: string, at: number, form: RegExp): string | undefined {
  form.lastIndex = at;
  return form.exec(source)?.[0];
}

// Refusals ------------------------------------------------------------------------------------------------------------

function unsupported(source: string, at: number, construct: string, instead: string): UnsupportedRegex {
  return new UnsupportedRegex(`${construct} is not supported: ${instead}`, source.slice(at));
}

const notSupported: readonly (readonly [begin: RegExp, construct: string, instead: string])[] = [
  [/\(\?[=!]/y, 'look-ahead', 'write what may follow, or add a route with a higher regex_priority'],
  [/\(\?<[=!]/y, 'look-behind', 'write what may come before'],
  [/\(\?P=|\\[\dkg]/y, 'a backreference', 'write the text once more'],
  [/\(\?(?:[&R0]|P>)/y, 'a recursion', 'write the nested levels out'],
  [/\(\?>/y, 'an atomic group', 'write (?:…); every match takes linear time'],
  [/\(\?\(/y, 'a condition', 'write the cases as branches: (?:a|b)'],
  [/\(\?\|/y, 'a branch reset', 'write (?:…) with a group in each branch'],
  [/\(\?#/y, 'a comment', 'leave it out'],
  [/\(\*/y, 'a verb', 'leave it out'],
  [/\(\?[A-Za-z-]*x/y, 'the flag x', 'write the expression without blanks and comments'],
  [/\(\?[A-Za-z-]*u/y, 'the flag u', 'leave it out; characters are those of Unicode'],
  [/\(\?P?</y, 'this group name', 'use ASCII letters, digits and _, and close it with >'],
  [/\(\?/y, 'this group', 'there are (…), (?:…), (?<name>…) and the flags i, m, s and U'],
  [/\{/y, 'a brace that is no repetition {n}, {n,} or {n,m}', 'write \\{ for the character'],
  [/\\[QE]/y, 'a quotation', 'write \\ before each special character'],
  [/\\h/y, 'the class \\h', 'write [ \\t]'],
  [/\\Z/y, 'the end before a line break', 'write $'],
  [/\\K/y, 'the reset of the match', 'match the path from its beginning'],
  [/\\[<>]/y, 'the start or end of a word', 'write \\b'],
  [/\\[uUx]/y, 'this code point', 'write \\x{…} with its hexadecimal digits'],
  [/\\[pP]/y, 'this Unicode property', 'write a category or script: \\p{Lu}, \\p{Greek}'],
  [/\\/y, 'this escape', 'write the character itself'],
  [/\[/y, 'a [ in a class', 'write \\[ for the character, or list all characters in one class'],
];

import {
  allCharacters,
  type CharacterSet,
  caseFolded,
  characters,
  complement,
  difference,
  intersection,
  lastCodePoint,
  perlSet,
  posixSet,
  propertySet,
  union,
} from './character-set.ts';

/**
 * Reads the regular expressions of Kong's router, which are those of the Rust crate `regex`: no look-around and no
 * backreferences, Unicode by default, sets in classes (`[a-z&&[^b]]`), flags inline. What it has not is refused by name.
 * The tree knows no flags: letters in either case are sets, `.` is one, and `^` says whether it means text or line.
 */
export type Regex =
  | { readonly kind: 'character'; readonly codePoint: number }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assertion'; readonly at: Assertion }
  | { readonly kind: 'repeat'; readonly of: Regex; readonly min: number; readonly max: number; readonly lazy: boolean }
  | { readonly kind: 'capture'; readonly of: Regex }
  | { readonly kind: 'sequence'; readonly of: readonly Regex[] }
  | { readonly kind: 'choice'; readonly of: readonly Regex[] };

export type Assertion = 'text start' | 'text end' | 'line start' | 'line end' | 'word boundary' | 'no word boundary';

export interface ParsedRegex {
  readonly regex: Regex;
  /** The name of each group, the whole match (number 0) first. */
  readonly groupNames: readonly (string | undefined)[];
}

/** Why it is no regex, or none that is understood here. */
export interface RefusedRegex {
  readonly refused: string;
  /** In code points, where in the text. */
  readonly at: number;
}

export function parseRegex(text: string): ParsedRegex | RefusedRegex {
  const reader: Reader = { text: [...text], at: 0, depth: 0, groupNames: [undefined] };
  try {
    const regex = parseChoice(reader, { i: false, m: false, s: false, U: false, u: true, x: false });
    if (reader.at < reader.text.length) throw new Refusal('unmatched closing parenthesis', reader.at);
    return { regex, groupNames: reader.groupNames };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message, at: error.at };
    throw error;
  }
}

interface Reader {
  readonly text: readonly string[];
  at: number;
  depth: number;
  readonly groupNames: (string | undefined)[];
}

type Flags = { readonly [flag in 'i' | 'm' | 's' | 'U' | 'u' | 'x']: boolean };

class Refusal extends Error {
  readonly at: number;
  constructor(reason: string, at: number) {
    super(reason);
    this.at = at;
  }
}

const unlimited = Number.POSITIVE_INFINITY;
const deepest = 250;

// Expressions -------------------------------------------------------------------------------------------------------

/** Up to the end or a `)`. Flags set on the way (`(?i)`) hold for what follows in the same group, past `|` too. */
function parseChoice(reader: Reader, outer: Flags): Regex {
  let flags = outer;
  const branches: Regex[] = [];
  let sequence: Regex[] = [];
  let repeatable = false;
  for (;;) {
    skipBlanks(reader, flags);
    const start = reader.at;
    const character = reader.text[start];
    if (character === undefined || character === ')') {
      branches.push(sequenceOf(sequence));
      return branches.length === 1 ? branches[0]! : { kind: 'choice', of: branches };
    }
    if (character === '|') {
      reader.at++;
      branches.push(sequenceOf(sequence));
      sequence = [];
      repeatable = false;
    } else if (character === '*' || character === '+' || character === '?' || character === '{') {
      if (!repeatable) throw new Refusal('quantifier does not follow a repeatable item', start);
      sequence.push(parseRepeat(reader, flags, sequence.pop()!));
    } else if (character === '(') {
      const group = parseGroup(reader, flags);
      if ('flags' in group) flags = group.flags;
      else sequence.push(group.regex);
      repeatable = !('flags' in group);
    } else {
      sequence.push(parseAtom(reader, flags));
      repeatable = true;
    }
  }
}

function sequenceOf(parts: readonly Regex[]): Regex {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', of: parts };
}

function parseRepeat(reader: Reader, flags: Flags, of: Regex): Regex {
  const start = reader.at;
  const sign = reader.text[reader.at++];
  let [min, max] = sign === '+' ? [1, unlimited] : sign === '*' ? [0, unlimited] : [0, 1];
  if (sign === '{') {
    const close = reader.text.indexOf('}', start);
    const counts = /^\s*(\d{1,6})\s*(?:(,)\s*(\d{1,6})?\s*)?$/.exec(
      close === -1 ? '' : reader.text.slice(start + 1, close).join(''),
    );
    if (counts === null) {
      throw new Refusal('{ begins a repetition {n}, {n,} or {n,m}; a brace itself is written \\{', start);
    }
    min = Number(counts[1]);
    max = counts[2] === undefined ? min : counts[3] === undefined ? unlimited : Number(counts[3]);
    if (max < min) throw new Refusal('numbers out of order in {} quantifier', start);
    reader.at = close + 1;
  }
  skipBlanks(reader, flags);
  const question = reader.text[reader.at] === '?';
  if (question) reader.at++;
  return { kind: 'repeat', of, min, max, lazy: question !== flags.U };
}

function parseGroup(reader: Reader, flags: Flags): { readonly regex: Regex } | { readonly flags: Flags } {
  const open = reader.at;
  if (++reader.depth > deepest) throw new Refusal(`groups and classes may be ${deepest} deep at most`, open);
  const ahead = reader.text.slice(open + 1, open + 5).join('');
  for (const [begin, construct] of unknownGroups) {
    if (ahead.startsWith(begin)) throw new Refusal(`${construct} (${begin} is not in this syntax`, open);
  }
  reader.at++;
  if (!ahead.startsWith('?')) {
    reader.groupNames.push(undefined);
    return closed(reader, { kind: 'capture', of: parseChoice(reader, flags) });
  }
  reader.at++;
  if (ahead.startsWith('?<') || ahead.startsWith('?P<')) {
    reader.at += ahead.startsWith('?<') ? 1 : 2;
    reader.groupNames.push(parseName(reader));
    return closed(reader, { kind: 'capture', of: parseChoice(reader, flags) });
  }
  const inner = parseFlags(reader, flags);
  if (reader.text[reader.at - 1] === ':') return closed(reader, parseChoice(reader, inner));
  reader.depth--;
  return { flags: inner };
}

function closed(reader: Reader, regex: Regex): { readonly regex: Regex } {
  if (reader.text[reader.at] !== ')') throw new Refusal('missing closing parenthesis', reader.text.length);
  reader.at++;
  reader.depth--;
  return { regex };
}

const unknownGroups = [
  ['?=', 'look-ahead'],
  ['?!', 'look-ahead'],
  ['?<=', 'look-behind'],
  ['?<!', 'look-behind'],
  ['?>', 'an atomic group'],
  ['?P=', 'a backreference'],
  ['?P>', 'a recursion'],
  ['?&', 'a recursion'],
  ['?0', 'a recursion'],
  ['?(', 'a condition'],
  ['?|', 'a branch reset'],
  ['?#', 'a comment'],
  ["?'", 'a name in quotes'],
  ['*', 'a verb'],
] as const;

function parseName(reader: Reader): string {
  const start = reader.at;
  const end = reader.text.indexOf('>', start);
  const name = end === -1 ? '' : reader.text.slice(start, end).join('');
  if (!/^[\p{Alphabetic}_][\p{Alphabetic}\p{N}_.[\]]*$/u.test(name)) {
    throw new Refusal('a group name is made of letters, digits and _ and ends with >', start);
  }
  if (reader.groupNames.includes(name)) throw new Refusal(`the group name ${name} comes twice`, start);
  reader.at = end + 1;
  return name;
}

/** `i-m:` or `i-m)`, the sign at the end included. */
function parseFlags(reader: Reader, outer: Flags): Flags {
  const flags: Record<string, boolean> = { ...outer };
  let on = true;
  const start = reader.at;
  for (;;) {
    const flag = reader.text[reader.at++];
    if (flag === undefined) throw new Refusal('missing closing parenthesis', reader.text.length);
    if (flag === ':' || flag === ')') {
      const written = reader.text.slice(start, reader.at - 1);
      if ((flag === ')' && written.length === 0) || written.at(-1) === '-') {
        throw new Refusal('a flag is missing', start);
      }
      return flags as Flags;
    }
    if (flag === '-' && on) on = false;
    else if (Object.hasOwn(flags, flag)) flags[flag] = on;
    else if (flag === 'R') throw new Refusal('the flag R (lines that end with CRLF) is not supported', reader.at - 1);
    else throw new Refusal(`${JSON.stringify(flag)} is none of the flags i, m, s, U, u, x`, reader.at - 1);
  }
}

function parseAtom(reader: Reader, flags: Flags): Regex {
  const start = reader.at;
  const character = reader.text[reader.at]!;
  switch (character) {
    case '^':
      reader.at++;
      return { kind: 'assertion', at: flags.m ? 'line start' : 'text start' };
    case '$':
      reader.at++;
      return { kind: 'assertion', at: flags.m ? 'line end' : 'text end' };
    case '.':
      reader.at++;
      return setOf(flags.s ? allCharacters : complement(characters(0x0a, 0x0a)), flags, start);
    case '[':
      return setOf(parseClass(reader, flags), flags, start);
    case '\\': {
      const assertion = assertions.get(reader.text[start + 1] ?? '');
      if (assertion === undefined) break;
      reader.at += 2;
      if (reader.text[reader.at] === '{' && /^[a-z]$/.test(reader.text[reader.at + 1] ?? '')) {
        throw new Refusal('\\b{…} (one side of a word boundary) is not supported', start);
      }
      return { kind: 'assertion', at: assertion };
    }
  }
  const item = parseItem(reader, flags);
  return typeof item === 'number' ? characterOf(item, flags) : setOf(item, flags, start);
}

const assertions = new Map<string, Assertion>([
  ['A', 'text start'],
  ['z', 'text end'],
  ['b', 'word boundary'],
  ['B', 'no word boundary'],
]);

function characterOf(codePoint: number, flags: Flags): Regex {
  if (flags.i) {
    const set = caseFolded(characters(codePoint, codePoint), flags.u);
    if (set.length > 2 || set[0] !== set[1]) return { kind: 'set', set };
  }
  return { kind: 'character', codePoint };
}

function setOf(set: CharacterSet, flags: Flags, at: number): Regex {
  if (!flags.u && set.length > 0 && set[set.length - 1]! > 0x7f) {
    throw new Refusal('without the flag u this would match parts of characters', at);
  }
  return { kind: 'set', set };
}

function skipBlanks(reader: Reader, flags: Flags): void {
  if (!flags.x) return;
  for (;;) {
    const character = reader.text[reader.at];
    if (character === '#') {
      while (reader.at < reader.text.length && reader.text[reader.at] !== '\n') reader.at++;
    } else if (character !== undefined && /^[\t-\r \x85\u200E\u200F\u2028\u2029]$/.test(character)) reader.at++;
    else return;
  }
}

// Escapes -----------------------------------------------------------------------------------------------------------

/** One character as its code point, or the set an escape stands for. */
function parseItem(reader: Reader, flags: Flags): number | CharacterSet {
  const start = reader.at;
  const character = reader.text[reader.at++]!;
  if (character !== '\\') return character.codePointAt(0)!;
  const letter = reader.text[reader.at++];
  if (letter === undefined) throw new Refusal('\\ at end of pattern', reader.text.length);
  const control = controls.get(letter);
  if (control !== undefined) return control;
  switch (letter) {
    case 'd':
    case 's':
    case 'w':
      return perlSet(letter, flags.u);
    case 'D':
    case 'S':
    case 'W':
      return complement(perlSet(letter.toLowerCase() as 'd' | 's' | 'w', flags.u));
    case 'p':
    case 'P':
      return parseProperty(reader, flags, letter === 'P', start);
    case 'x':
      return parseHex(reader, 2, start);
    case 'u':
      return parseHex(reader, 4, start);
    case 'U':
      return parseHex(reader, 8, start);
  }
  // "Any ASCII punctuation may be escaped", but `\<` and `\>` are sides of a word.
  if (/^[\x00-\x7F]$/.test(letter) && !/^[A-Za-z0-9<>]$/.test(letter)) return letter.codePointAt(0)!;
  const construct = /^[0-9]$/.test(letter) ? 'a backreference' : (unknownEscapes.get(letter) ?? 'an escape that');
  throw new Refusal(`${construct} \\${letter} is not in this syntax`, start);
}

const controls = new Map([
  ['a', 0x07],
  ['f', 0x0c],
  ['t', 0x09],
  ['n', 0x0a],
  ['r', 0x0d],
  ['v', 0x0b],
]);

const unknownEscapes = new Map([
  ['k', 'a backreference'],
  ['g', 'a backreference'],
  ['Q', 'a quotation'],
  ['E', 'a quotation'],
  ['h', 'the class of horizontal blanks'],
  ['H', 'the class of horizontal blanks'],
  ['R', 'the line break'],
  ['X', 'the grapheme'],
  ['Z', 'the end before a line break'],
  ['G', 'the start of the search'],
  ['K', 'the reset of the match'],
  ['<', 'the start of a word'],
  ['>', 'the end of a word'],
]);

function parseHex(reader: Reader, digits: number, start: number): number {
  const braced = reader.text[reader.at] === '{';
  const end = braced ? reader.text.indexOf('}', reader.at) : reader.at + digits;
  const hex = end === -1 ? '' : reader.text.slice(reader.at + (braced ? 1 : 0), end).join('');
  const codePoint = Number.parseInt(hex, 16);
  const wellFormed = braced ? /^[0-9A-Fa-f]{1,8}$/.test(hex) : hex.length === digits && /^[0-9A-Fa-f]+$/.test(hex);
  if (!wellFormed || codePoint > lastCodePoint || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
    throw new Refusal(`\\${reader.text[start + 1]} is followed by ${digits} hex digits, or some in braces`, start);
  }
  reader.at = braced ? end + 1 : end;
  return codePoint;
}

function parseProperty(reader: Reader, flags: Flags, outside: boolean, start: number): CharacterSet {
  if (!flags.u) throw new Refusal('a Unicode property needs the flag u', start);
  let name = reader.text[reader.at++] ?? '';
  if (name === '{') {
    const end = reader.text.indexOf('}', reader.at);
    name = end === -1 ? '' : reader.text.slice(reader.at, end).join('');
    reader.at = end === -1 ? reader.text.length : end + 1;
  }
  const inverted = name.startsWith('^') || name.includes('!=');
  const set = propertySet(name.replace(/^\^/, '').replace('!=', '='));
  if (set === undefined) throw new Refusal(`no Unicode property is named ${JSON.stringify(name)}`, start);
  const folded = flags.i ? caseFolded(set, true) : set;
  return outside !== inverted ? complement(folded) : folded;
}

// Classes -----------------------------------------------------------------------------------------------------------

/**
 * `[…]` with its brackets. Juxtaposition binds tighter than `&&`, `--` and `~~`, which are done from left to right.
 * Each part is closed under case before it is inverted or combined.
 */
function parseClass(reader: Reader, flags: Flags): CharacterSet {
  const open = reader.at;
  if (++reader.depth > deepest) throw new Refusal(`groups and classes may be ${deepest} deep at most`, open);
  reader.at++;
  skipBlanks(reader, flags);
  const inverted = reader.text[reader.at] === '^';
  if (inverted) reader.at++;
  skipBlanks(reader, flags);

  let items: CharacterSet[] = [];
  // A `-` is itself at the beginning, and so is a `]` that comes first.
  while (reader.text[reader.at] === '-') {
    items.push(characters(0x2d, 0x2d));
    reader.at++;
  }
  if (items.length === 0 && reader.text[reader.at] === ']') {
    items.push(characters(0x5d, 0x5d));
    reader.at++;
  }

  let left: { readonly set: CharacterSet; readonly by: string } | undefined;
  const combined = (): CharacterSet => {
    const plain = union(items);
    const set = flags.i ? caseFolded(plain, flags.u) : plain;
    if (left === undefined) return set;
    if (left.by === '&&') return intersection(left.set, set);
    if (left.by === '--') return difference(left.set, set);
    return difference(union([left.set, set]), intersection(left.set, set));
  };
  for (;;) {
    skipBlanks(reader, flags);
    const character = reader.text[reader.at];
    if (character === undefined) throw new Refusal('missing terminating ] for character class', reader.text.length);
    if (character === ']') {
      reader.at++;
      reader.depth--;
      return inverted ? complement(combined()) : combined();
    }
    const two = character + (reader.text[reader.at + 1] ?? '');
    if (two === '&&' || two === '--' || two === '~~') {
      left = { set: combined(), by: two };
      items = [];
      reader.at += 2;
    } else if (character === '[') {
      items.push(parsePosix(reader) ?? parseClass(reader, flags));
    } else {
      items.push(parseRange(reader, flags));
    }
  }
}

function parsePosix(reader: Reader): CharacterSet | undefined {
  const named = /^\[:(\^?)([a-z]+):\]/.exec(reader.text.slice(reader.at, reader.at + 16).join(''));
  const set = named === null ? undefined : posixSet(named[2]!);
  if (set === undefined) return undefined;
  reader.at += named![0].length;
  return named![1] === '^' ? complement(set) : set;
}

function parseRange(reader: Reader, flags: Flags): CharacterSet {
  const start = reader.at;
  const from = parseItem(reader, flags);
  skipBlanks(reader, flags);
  const next = reader.text[reader.at + 1];
  // `a-]` and `a--`: no range.
  if (reader.text[reader.at] !== '-' || next === ']' || next === '-' || next === undefined) {
    return typeof from === 'number' ? characters(from, from) : from;
  }
  reader.at++;
  skipBlanks(reader, flags);
  const to = reader.text[reader.at] === '[' ? undefined : parseItem(reader, flags);
  if (typeof from !== 'number' || typeof to !== 'number') {
    throw new Refusal('a range in a class goes from one character to another', start);
  }
  if (to < from) throw new Refusal('range out of order in character class', start);
  return characters(from, to);
}

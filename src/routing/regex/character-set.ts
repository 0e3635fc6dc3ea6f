/**
 * Sets of characters as sorted ranges of code points, and the named ones of a regex: Unicode properties as this
 * JavaScript knows them, POSIX classes, and Perl's `\d \s \w` as the Rust regex syntax means them (UTS #18).
 */

/** Bounds in turn, `[from, to, from, to …]`: inclusive, ascending, no two ranges touching. */
export type CharacterSet = readonly number[];

export const lastCodePoint = 0x10ffff;
export const allCharacters: CharacterSet = [0, lastCodePoint];

export function characters(...bounds: readonly number[]): CharacterSet {
  return union([bounds]);
}

export function union(sets: readonly (readonly number[])[]): CharacterSet {
  const ranges: [number, number][] = [];
  for (const set of sets) for (let i = 0; i < set.length; i += 2) ranges.push([set[i]!, set[i + 1]!]);
  ranges.sort((one, other) => one[0] - other[0]);
  const bounds: number[] = [];
  for (const [from, to] of ranges) {
    const end = bounds.length - 1;
    if (end > 0 && from <= bounds[end]! + 1) bounds[end] = Math.max(bounds[end]!, to);
    else bounds.push(from, to);
  }
  return bounds;
}

export function complement(set: CharacterSet): CharacterSet {
  const bounds: number[] = [];
  let from = 0;
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > from) bounds.push(from, set[i]! - 1);
    from = set[i + 1]! + 1;
  }
  if (from <= lastCodePoint) bounds.push(from, lastCodePoint);
  return bounds;
}

export function intersection(one: CharacterSet, other: CharacterSet): CharacterSet {
  return complement(union([complement(one), complement(other)]));
}

export function difference(one: CharacterSet, other: CharacterSet): CharacterSet {
  return intersection(one, complement(other));
}

/** With every character also those that differ from it in case only (simple case folding). */
export function caseFolded(set: CharacterSet, unicode: boolean): CharacterSet {
  const more: number[] = [];
  const orbits = unicode && set.some((bound) => bound > 0x7f) ? allOrbits() : asciiOrbits(unicode);
  for (const [codePoint, orbit] of orbits) {
    if (contains(set, codePoint)) for (const same of orbit) more.push(same, same);
  }
  return more.length === 0 ? set : union([set, more]);
}

export function contains(set: CharacterSet, codePoint: number): boolean {
  let low = 0;
  let high = set.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (codePoint < set[2 * middle]!) high = middle;
    else if (codePoint > set[2 * middle + 1]!) low = middle + 1;
    else return true;
  }
  return false;
}

/** `\d`, `\s`, `\w`. In Unicode they are Nd, White_Space and the word characters of UTS #18 Annex C. */
export function perlSet(letter: 'd' | 's' | 'w', unicode: boolean): CharacterSet {
  if (letter === 's') return unicode ? unicodeSpace : posixSet('space')!;
  if (!unicode) return posixSet(letter === 'd' ? 'digit' : 'word')!;
  return letter === 'd' ? propertySet('Nd')! : listed('[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]');
}

/** `[:alpha:]` and its like: ASCII always. */
export function posixSet(name: string): CharacterSet | undefined {
  return posix.get(name);
}

/**
 * A Unicode property as `\p{…}` names it: a general category, a script or a binary property (`Lu`, `Greek`,
 * `script=Greek`, `lower_case`), whatever its case and with blanks, `-` or `_` between the words.
 */
export function propertySet(name: string): CharacterSet | undefined {
  const stated = /^([^=:]+)[=:](.+)$/.exec(name);
  const key = stated === null ? undefined : keys.get(loosely(stated[1]!));
  if (stated !== null && key === undefined) return undefined;
  const spelt = spellings(stated === null ? name : stated[2]!);
  for (const value of spelt) {
    const candidates =
      key === undefined ? [value, `Script=${value}`] : key === 'General_Category' ? [value] : [`${key}=${value}`];
    for (const candidate of candidates) {
      if (isProperty(candidate)) return listed(`\\p{${candidate}}`);
    }
  }
  return undefined;
}

const unicodeSpace = characters(
  ...[0x09, 0x0d, 0x20, 0x20, 0x85, 0x85, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000],
);

const posix = new Map<string, CharacterSet>(
  Object.entries({
    alnum: '09AZaz',
    alpha: 'AZaz',
    ascii: '\x00\x7f',
    blank: '\t\t  ',
    cntrl: '\x00\x1f\x7f\x7f',
    digit: '09',
    graph: '!~',
    lower: 'az',
    print: ' ~',
    punct: '!/:@[`{~',
    space: '\t\r  ',
    upper: 'AZ',
    word: '09AZ__az',
    xdigit: '09AFaf',
  }).map(([name, bounds]) => [name, characters(...[...bounds].map((bound) => bound.charCodeAt(0)))]),
);

const keys = new Map([
  ['gc', 'General_Category'],
  ['generalcategory', 'General_Category'],
  ['sc', 'Script'],
  ['script', 'Script'],
  ['scx', 'Script_Extensions'],
  ['scriptextensions', 'Script_Extensions'],
]);

/** Names are compared loosely (UAX #44 LM3), JavaScript compares them exactly: the ways it may spell a name. */
function spellings(name: string): string[] {
  const words = name
    .trim()
    .split(/[\s_-]+/)
    .filter((word) => word !== '');
  const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();
  const known = exactNames.get(loosely(name));
  return [...new Set([...(known === undefined ? [] : [known]), words.join('_'), words.map(capital).join('_')])];
}

function loosely(name: string): string {
  return name.toLowerCase().replace(/[\s_-]/g, '');
}

// Names whose words or capitals cannot be guessed from a loose spelling.
const exactNames = new Map(
  [
    ...['Any', 'ASCII', 'Assigned', 'ASCII_Hex_Digit', 'Alphabetic', 'Bidi_Control', 'Case_Ignorable', 'Cased', 'Dash'],
    ...['Default_Ignorable_Code_Point', 'Emoji', 'Extended_Pictographic', 'Hex_Digit', 'ID_Continue', 'ID_Start'],
    ...['Ideographic', 'Join_Control', 'Lowercase', 'Math', 'Noncharacter_Code_Point', 'Pattern_White_Space'],
    ...['Quotation_Mark', 'Unified_Ideograph', 'Uppercase', 'Variation_Selector', 'White_Space', 'XID_Continue'],
    ...['XID_Start', 'LC', 'Cased_Letter', 'Lowercase_Letter', 'Uppercase_Letter', 'Titlecase_Letter', 'Other_Letter'],
    ...['Modifier_Letter', 'Decimal_Number', 'Letter_Number', 'Other_Number', 'Connector_Punctuation', 'Control'],
    ...['Dash_Punctuation', 'Open_Punctuation', 'Close_Punctuation', 'Other_Punctuation', 'Space_Separator', 'Nko'],
  ].map((name) => [loosely(name), name]),
);

function isProperty(expression: string): boolean {
  try {
    new RegExp(`\\p{${expression}}`, 'u');
    return true;
  } catch {
    return false;
  }
}

/** What a JavaScript class holds, found by asking it for every character; once for each class that is used. */
function listed(source: string): CharacterSet {
  const known = lists.get(source);
  if (known !== undefined) return known;
  const one = new RegExp(`^${source}$`, 'u');
  const holds = (codePoint: number) => one.test(String.fromCodePoint(codePoint));
  const bounds: number[] = [];
  for (let codePoint = 0; codePoint <= lastCodePoint; codePoint++) {
    // A surrogate is no character.
    if (codePoint === 0xd800) codePoint = 0xe000;
    const plane = codePoint >> 16;
    if ((codePoint & 0xffff) === 0 && alike(plane)) {
      if (holds(codePoint)) bounds.push(codePoint, codePoint + 0xfffd);
      codePoint += 0xfffe;
    }
    if (holds(codePoint)) bounds.push(codePoint, codePoint);
  }
  const set = union([bounds]);
  lists.set(source, set);
  return set;
}

const lists = new Map<string, CharacterSet>();

/** Planes nothing is assigned in, and those for private use: all of one kind, but for the last two of each. */
function alike(plane: number): boolean {
  return (plane >= 4 && plane <= 13) || plane >= 15;
}

type Orbits = ReadonlyMap<number, readonly number[]>;

/** Of ASCII; in Unicode the Kelvin sign is a k and the long s an s. */
function asciiOrbits(unicode: boolean): Orbits {
  const orbits = new Map<number, number[]>();
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    const orbit = [upper, upper + 0x20];
    if (unicode && upper === 0x4b) orbit.push(0x212a);
    if (unicode && upper === 0x53) orbit.push(0x17f);
    for (const codePoint of orbit) orbits.set(codePoint, orbit);
  }
  return orbits;
}

let orbitsOfAll: Orbits | undefined;

function allOrbits(): Orbits {
  if (orbitsOfAll !== undefined) return orbitsOfAll;
  const orbits = new Map<number, number[]>(asciiOrbits(true) as Map<number, number[]>);
  const join = (one: number, other: number) => {
    const joined = new Set([...(orbits.get(one) ?? [one]), ...(orbits.get(other) ?? [other])]);
    for (const codePoint of joined) orbits.set(codePoint, [...joined]);
  };
  const cased = listed('[\\p{Changes_When_Casefolded}\\p{Changes_When_Uppercased}\\p{Changes_When_Lowercased}]');
  for (let i = 0; i < cased.length; i += 2) {
    for (let codePoint = cased[i]!; codePoint <= cased[i + 1]!; codePoint++) {
      // The dotless i is an I to Turks only; simple case folding leaves it alone.
      if (codePoint === 0x131) continue;
      const text = String.fromCodePoint(codePoint);
      for (const changed of [text.toLowerCase(), text.toUpperCase()]) {
        const other = changed.codePointAt(0)!;
        if (other !== codePoint && changed.length === String.fromCodePoint(other).length) join(codePoint, other);
      }
    }
  }
  orbitsOfAll = orbits;
  return orbits;
}

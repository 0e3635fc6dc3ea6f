import { RE2JS } from 're2js';
import { parseRegex, type Regex } from './rust-syntax.ts';

/**
 * A regular expression an operator wrote, matched in a time proportional to the text whatever it is: the Rust syntax is
 * read here, and RE2 does the matching (SE-08). Like Rust's, RE2's first match is the leftmost, its first alternative
 * preferred. One difference is left: a `\b` sees ASCII letters, digits and `_` only.
 */
export interface LinearRegex {
  /** The name of each group, the whole match (number 0) first. */
  readonly groupNames: readonly (string | undefined)[];
  /** What every text that matches begins with; empty when that cannot be said. */
  readonly literalPrefix: string;
  /** Whether a match always goes from the first character of the text to its last. */
  readonly takesWholeText: boolean;
  test(text: string): boolean;
  /** What the first match takes of the text; dearer than `test`. */
  find(text: string): string | undefined;
  /** Each group's text of the first match, the whole first; dearer still. */
  groups(text: string): readonly (string | undefined)[] | undefined;
}

export interface RefusedRegex {
  readonly refused: string;
  /** What is left of the text where reading it ended. */
  readonly rest: string;
}

export function compileRegex(source: string): LinearRegex | RefusedRegex {
  const parsed = parseRegex(source);
  if ('refused' in parsed) return { refused: parsed.refused, rest: [...source].slice(parsed.at).join('') };
  const { regex, groupNames } = parsed;
  const largest = largestRepetition(regex);
  if (largest > mostRepetitions) {
    return { refused: `a repetition may ask for ${mostRepetitions} at most, together with those around it`, rest: '' };
  }
  if (size(regex) > largestSize) {
    return { refused: `it is too large: written out without {n} it has more than ${largestSize} parts`, rest: '' };
  }
  const engine = RE2JS.compile(printed(regex));
  const takesWholeText = anchored(regex, 'text start') && anchored(regex, 'text end');
  return {
    groupNames,
    literalPrefix: literalPrefix(regex),
    takesWholeText,
    test: (text) => engine.test(text),
    find(text) {
      if (!engine.test(text)) return undefined;
      if (takesWholeText) return text;
      const matcher = engine.matcher(text);
      return matcher.find() ? (matcher.group(0) ?? '') : undefined;
    },
    groups(text) {
      if (!engine.test(text)) return undefined;
      const matcher = engine.matcher(text);
      matcher.find();
      return groupNames.map((_, group) => matcher.group(group) ?? undefined);
    },
  };
}

// Matching costs at most the length of the text times the size of the regex, whatever either says. A regex of this
// many parts is far beyond what routes are written with (a UUID has 36).
const largestSize = 1000;
/** RE2's own limit. */
const mostRepetitions = 1000;

function size(regex: Regex): number {
  switch (regex.kind) {
    case 'repeat': {
      const copies = Number.isFinite(regex.max) ? regex.max : Math.max(regex.min, 1);
      return size(regex.of) * copies + 1;
    }
    case 'capture':
      return size(regex.of) + 2;
    case 'sequence':
    case 'choice':
      return regex.of.reduce((sum, part) => sum + size(part) + (regex.kind === 'choice' ? 1 : 0), 0);
    default:
      return 1;
  }
}

function largestRepetition(regex: Regex): number {
  switch (regex.kind) {
    case 'repeat': {
      const counted = Number.isFinite(regex.max) ? regex.max : regex.min;
      return Math.max(counted, 1) * largestRepetition(regex.of);
    }
    case 'capture':
      return largestRepetition(regex.of);
    case 'sequence':
    case 'choice':
      // Not by arguments of Math.max: there may be more parts than a call takes.
      return regex.of.reduce((most, part) => Math.max(most, largestRepetition(part)), 1);
    default:
      return 1;
  }
}

/** The same in RE2's words, using nothing in which RE2 and Rust might differ: no flags, no names, sets by number. */
function printed(regex: Regex): string {
  switch (regex.kind) {
    case 'character':
      return character(regex.codePoint);
    case 'set': {
      let ranges = '';
      for (let i = 0; i < regex.set.length; i += 2) {
        ranges += character(regex.set[i]!);
        if (regex.set[i + 1] !== regex.set[i]) ranges += `-${character(regex.set[i + 1]!)}`;
      }
      return ranges === '' ? '[^\\x{0}-\\x{10FFFF}]' : `[${ranges}]`;
    }
    case 'assertion':
      return assertions[regex.at];
    case 'repeat':
      return `(?:${printed(regex.of)})${quantifier(regex.min, regex.max)}${regex.lazy ? '?' : ''}`;
    case 'capture':
      return `(${printed(regex.of)})`;
    case 'sequence':
      return regex.of.map((part) => (part.kind === 'choice' ? `(?:${printed(part)})` : printed(part))).join('');
    case 'choice':
      return regex.of.map(printed).join('|');
  }
}

const assertions = {
  'text start': '\\A',
  'text end': '\\z',
  'line start': '(?m:^)',
  'line end': '(?m:$)',
  'word boundary': '\\b',
  'no word boundary': '\\B',
};

function quantifier(min: number, max: number): string {
  if (Number.isFinite(max)) return min === 0 && max === 1 ? '?' : `{${min},${max}}`;
  return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
}

function character(codePoint: number): string {
  const text = String.fromCodePoint(codePoint);
  return /^[A-Za-z0-9/_]$/.test(text) ? text : `\\x{${codePoint.toString(16)}}`;
}

/** Whether every match lies at that end of the text. */
function anchored(regex: Regex, at: 'text start' | 'text end'): boolean {
  switch (regex.kind) {
    case 'assertion':
      return regex.at === at;
    case 'capture':
      return anchored(regex.of, at);
    case 'choice':
      return regex.of.every((branch) => anchored(branch, at));
    case 'sequence': {
      const outermost = regex.of.at(at === 'text start' ? 0 : -1);
      return outermost !== undefined && anchored(outermost, at);
    }
    default:
      return false;
  }
}

/** Only of a regex that begins with the start of the text: others may match further on. */
function literalPrefix(regex: Regex): string {
  const parts = regex.kind === 'sequence' ? regex.of : [regex];
  const [first, ...rest] = parts;
  if (first?.kind !== 'assertion' || first.at !== 'text start') return '';
  return leading({ kind: 'sequence', of: rest }).text;
}

/** What a regex begins with, and whether that is all of it. */
function leading(regex: Regex): { readonly text: string; readonly whole: boolean } {
  switch (regex.kind) {
    case 'character':
      return { text: String.fromCodePoint(regex.codePoint), whole: true };
    case 'capture':
      return leading(regex.of);
    case 'sequence': {
      let text = '';
      for (const part of regex.of) {
        const begin = leading(part);
        text += begin.text;
        if (!begin.whole) return { text, whole: false };
      }
      return { text, whole: true };
    }
    default:
      return { text: '', whole: false };
  }
}

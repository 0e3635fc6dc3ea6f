import { RE2JS, RE2JSSyntaxException } from 're2js';
import { type TranslatedRegex, translateRegex, UnsupportedRegex } from './translate-regex.ts';

/**
 * A regular expression that an operator wrote, in the syntax of Kong's router. RE2 matches it, so the time is proportional
 * to the length of the text, whatever the expression (SE-08). As in Rust, a match is the leftmost one, and the first branch
 * that matches is preferred. One difference is left: `\b` looks at ASCII letters, digits and `_` only.
 */
export interface LinearRegex {
  /** The name of each group, the whole match (number 0) first. */
  readonly groupNames: readonly (string | undefined)[];
  /** The text that every match begins with, at the start of the text; empty if it is not known. */
  readonly literalPrefix: string;
  /** Whether a match always goes from the first character of the text to its last. */
  readonly takesWholeText: boolean;
  test(text: string): boolean;
  /** The text of the first match; slower than `test`. */
  find(text: string): string | undefined;
  /** Each group's text in the first match, the whole match first; slower than `find`. */
  groups(text: string): readonly (string | undefined)[] | undefined;
}

export interface RefusedRegex {
  /** Why, with what to write instead where there is something. */
  readonly refused: string;
  /** The part of the expression that is meant; empty if it is all of it. */
  readonly rest: string;
}

export function compileRegex(source: string): LinearRegex | RefusedRegex {
  let translated: TranslatedRegex;
  let engine: RE2JS;
  try {
    translated = translateRegex(source);
    if (translated.size > largestSize) {
      return { refused: `it is too large: written out without {n} it has more than ${largestSize} parts`, rest: '' };
    }
    engine = RE2JS.compile(translated.text);
  } catch (error) {
    if (error instanceof UnsupportedRegex) return { refused: error.message, rest: error.rest };
    if (error instanceof RE2JSSyntaxException) return refusedByRe2(error);
    throw error;
  }
  const { takesWholeText } = translated;
  const groupNames = Array.from<string | undefined>({ length: engine.groupCount() + 1 });
  for (const [name, group] of Object.entries(engine.namedGroups())) groupNames[group] = name;
  return {
    groupNames,
    literalPrefix: translated.hasBranches ? '' : literalPrefix(source),
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

// A regex of this many parts is far beyond what routes are written with (a UUID has 36).
const largestSize = 1000;

/** The characters after `^`, up to the first that is more than a character. */
function literalPrefix(source: string): string {
  const literals = /^\^((?:[^\\[\](){}.*+?|^$]|\\[^A-Za-z0-9])*)([*?{]?)/u.exec(source);
  if (literals === null) return '';
  const characters = literals[1]!.match(/\\?./gsu) ?? [];
  // The last of them may be left out in a match.
  if (literals[2] !== '') characters.pop();
  return characters.map((character) => (character.length > 1 ? character.replace(/^\\/, '') : character)).join('');
}

function refusedByRe2(error: RE2JSSyntaxException): RefusedRegex {
  const rest = error.getPattern() ?? '';
  if (/^\\[pP]/.test(rest)) {
    return {
      refused: 'there is no such Unicode property: write a category or script, as in \\p{Lu} or \\p{Greek}',
      rest,
    };
  }
  const description = error.getDescription();
  return { refused: inWordsOfPcre.get(description) ?? description, rest };
}

/** Where PCRE says the same, Kong's responses quote it. */
const inWordsOfPcre = new Map([
  ['missing closing )', 'missing closing parenthesis'],
  ['missing closing ]', 'missing terminating ] for character class'],
  ['trailing backslash at end of expression', '\\ at end of pattern'],
]);

/**
 * Reads a long YAML text in pieces, which takes half the memory: the parser keeps many objects for each line, and those of
 * a piece are free before the next one is parsed.
 *
 * A piece is some elements of a list at the top level (`services:` and lines that begin with a dash at one indentation). No
 * scalar can contain such a line: its lines have to be indented more than the list. Flow collections and quoted texts can
 * only be cut in two that are both invalid. So where a piece is not valid, or the text has what concerns several pieces
 * (anchors, aliases, tags, directives, documents), the caller has to read the text as a whole.
 */
import type { Json } from '../../src/ports/entity-store.ts';
import { readText } from './read-text.ts';

const elementsInPiece = 200;
const concernsWhole = /(?:^|[\s,:[{-])[&*!]|^%|^---|^\.\.\.|\t|\r|^[^\S\n]*\?/m;

/** `undefined`: the text has to be read as a whole. */
export function readInPieces(text: string): Json | undefined {
  if (concernsWhole.test(text)) return undefined;
  const around: string[] = [];
  const pieces = new Map<string, string[][]>();
  let list: { readonly name: string; readonly indent: number } | undefined;
  let named: string | undefined;
  let elements = 0;
  for (const line of text.split('\n')) {
    const [, blanks, rest] = /^( *)(.*)$/.exec(line) ?? ['', '', ''];
    const indent = blanks!.length;
    const isElement = rest === '-' || rest!.startsWith('- ');
    if (list !== undefined && !isBlank(rest!)) {
      if (indent < list.indent || (indent === list.indent && !isElement)) list = undefined;
    } else if (named !== undefined && !isBlank(rest!)) {
      if (isElement) {
        if (pieces.has(named)) return undefined;
        list = { name: named, indent };
        pieces.set(named, []);
        elements = 0;
      }
      named = undefined;
    }
    if (list === undefined) {
      around.push(line);
      const [, name] = /^([A-Za-z_]\w*):\s*(?:#.*)?$/.exec(line) ?? [];
      if (name !== undefined) named = name;
      else if (!isBlank(rest!)) named = undefined;
      continue;
    }
    const those = pieces.get(list.name)!;
    if (isElement && indent === list.indent && elements++ % elementsInPiece === 0) those.push([]);
    those.at(-1)!.push(line);
  }
  return joined(around.join('\n'), pieces);
}

function isBlank(rest: string): boolean {
  return rest === '' || rest.startsWith('#');
}

function joined(around: string, pieces: ReadonlyMap<string, readonly (readonly string[])[]>): Json | undefined {
  const read = readText(around, false);
  if (read.problems !== undefined) return undefined;
  const { value } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const whole = value as { [name: string]: Json };
  for (const [name, texts] of pieces) {
    // Its elements were taken out.
    if (whole[name] !== null) return undefined;
    const all: Json[] = [];
    for (const lines of texts) {
      const piece = readText(lines.join('\n'), false);
      if (piece.problems !== undefined || !Array.isArray(piece.value)) return undefined;
      for (const element of piece.value) all.push(element);
    }
    whole[name] = all;
  }
  return whole;
}

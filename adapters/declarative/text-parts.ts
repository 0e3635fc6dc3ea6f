/**
 * A text that was read, in parts that a thread can receive one at a time: receiving a large value at once would delay
 * requests.
 */
import type { Json } from '../../src/ports/entity-store.ts';
import type { Lines, TextRead } from './read-text.ts';

export type TextPart =
  /** Elements of the list under a name, with their lines. */
  | { readonly name: string; readonly elements: readonly Json[]; readonly lines: readonly Lines[] | undefined }
  /** The last part: everything else, with an empty list in the place of each long one. */
  | { readonly rest: TextRead };

const elementsInPart = 500;

export function* partsOf(read: TextRead): Iterable<TextPart> {
  const { value } = read.problems === undefined ? read : { value: null };
  if (read.problems !== undefined || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return yield { rest: read };
  }
  const within = linesWithin(read.lines);
  const short = { ...value } as { [name: string]: Json };
  const shortLines: { [name: string]: Lines } = { ...within };
  for (const [name, list] of Object.entries(value)) {
    if (!Array.isArray(list) || list.length <= elementsInPart) continue;
    const lines = within?.[name]?.within as readonly Lines[] | undefined;
    for (let at = 0; at < list.length; at += elementsInPart) {
      const end = at + elementsInPart;
      yield { name, elements: list.slice(at, end), lines: lines?.slice(at, end) };
    }
    Object.defineProperty(short, name, { value: [], enumerable: true, writable: true });
    if (lines !== undefined) {
      Object.defineProperty(shortLines, name, { value: { ...within![name], within: [] }, enumerable: true });
    }
  }
  yield { rest: { value: short, lines: read.lines && { ...read.lines, within: shortLines } } };
}

/** Collects parts; returns the whole with the last one. */
export function collectParts(): (part: TextPart) => TextRead | undefined {
  const lists = new Map<string, { readonly elements: Json[]; readonly lines: Lines[] }>();
  return (part) => {
    if (!('rest' in part)) {
      const list = lists.get(part.name) ?? { elements: [], lines: [] };
      lists.set(part.name, list);
      list.elements.push(...part.elements);
      list.lines.push(...(part.lines ?? []));
      return undefined;
    }
    const { rest } = part;
    if (rest.problems !== undefined || lists.size === 0) return rest;
    const within = linesWithin(rest.lines);
    for (const [name, { elements, lines }] of lists) {
      ((rest.value as { readonly [name: string]: Json })[name] as Json[]).push(...elements);
      (within?.[name]?.within as Lines[] | undefined)?.push(...lines);
    }
    return rest;
  };
}

function linesWithin(lines: Lines | undefined): { readonly [name: string]: Lines } | undefined {
  const within = lines?.within;
  return within === undefined || Array.isArray(within) ? undefined : (within as { readonly [name: string]: Lines });
}

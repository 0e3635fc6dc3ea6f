/**
 * The syntax of a declarative file: YAML 1.2, which includes JSON. Records the line of each value. Names are plain keys
 * (also `__proto__`), a duplicate name is refused, and aliases cannot multiply the values of a file without limit.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import type { ConfigurationDocument, DocumentProblem, Place } from '../../src/declarative/document.ts';
import type { Json } from '../../src/ports/entity-store.ts';

export type TextRead =
  | { readonly value: Json; readonly lines: Lines; readonly problems?: undefined }
  | { readonly problems: readonly DocumentProblem[] };

/** The line of a value, and of those in it. */
export interface Lines {
  readonly line: number;
  readonly within?: readonly Lines[] | { readonly [name: string]: Lines };
}

/** How many values aliases may make. */
const aliasedLimit = 100_000;
const depthLimit = 64;

export function readText(text: string): TextRead {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: false });
  } catch (error) {
    // The parser is recursive; deep nesting exhausts its stack.
    const message = error instanceof RangeError ? `nested more than ${depthLimit} deep` : (error as Error).message;
    return { problems: [{ place: [], message }] };
  }
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const refused = [...document.errors, ...document.warnings];
  if (refused.length > 0) {
    return { problems: refused.map(({ pos, message }) => ({ place: [], line: lineAt(pos[0]), message })) };
  }
  const reader = nodeReader(document, (node) => lineAt(node.range?.[0] ?? 0));
  const value = reader.json(document.contents, []);
  if (reader.problems.length > 0) return { problems: reader.problems };
  return { value, lines: reader.lines(document.contents, lineAt(document.contents?.range?.[0] ?? 0)) };
}

function nodeReader(document: Document.Parsed, lineOfNode: (node: Node) => number) {
  const problems: DocumentProblem[] = [];
  let aliased = 0;
  let insideAliases = 0;

  const refuse = (node: Node | null, place: Place, message: string): null => {
    problems.push({ place, line: node === null ? 1 : lineOfNode(node), message });
    return null;
  };

  function resolved(alias: Alias): Node | undefined {
    return alias.resolve(document) as Node | undefined;
  }

  function json(node: unknown, place: Place): Json {
    if (problems.length > 100) return null;
    if (node === null || node === undefined) return null;
    if (place.length > depthLimit) return refuse(node as Node, place, `nested more than ${depthLimit} deep`);
    if (insideAliases > 0 && ++aliased > aliasedLimit) {
      if (aliased > aliasedLimit + 1) return null;
      return refuse(node as Node, [], `aliases make more than ${aliasedLimit} values of this file`);
    }
    if (isAlias(node)) {
      const target = resolved(node);
      if (target === undefined) return refuse(node, place, `there is no anchor &${node.source} before this alias`);
      if (aliased > aliasedLimit) return null;
      insideAliases++;
      const value = json(target, place);
      insideAliases--;
      return value;
    }
    if (isScalar(node)) {
      const { value } = node;
      if (typeof value === 'bigint') return Number(value);
      if (value === null || ['string', 'boolean', 'number'].includes(typeof value)) return value as Json;
      return refuse(node, place, 'expected text, a number, true, false or null');
    }
    if (isSeq(node)) return node.items.map((item, at) => json(item, [...place, at]));
    if (isMap(node)) return mapJson(node, place);
    return refuse(node as Node, place, 'cannot be read');
  }

  function mapJson(map: Extract<Node, { items: unknown }>, place: Place): Json {
    const object: { [name: string]: Json } = Object.create(null);
    const merged: { [name: string]: Json } = Object.create(null);
    if (!isMap(map)) return object;
    for (const { key, value } of map.items) {
      const name = nameOf(key);
      if (name === undefined) refuse(key as Node, place, 'a name has to be text');
      else if (isMerge(key)) mergeInto(merged, value, place);
      else if (Object.hasOwn(object, name)) refuse(key as Node, [...place, name], 'is a duplicate name');
      else object[name] = json(value, [...place, name]);
    }
    for (const [name, value] of Object.entries(merged)) if (!Object.hasOwn(object, name)) object[name] = value;
    return object;
  }

  /** `<<: *defaults` (https://yaml.org/type/merge.html): the values of the map itself come first. */
  function mergeInto(merged: { [name: string]: Json }, value: unknown, place: Place): void {
    for (const source of sourcesOf(value)) {
      const from = json(source, place);
      if (typeof from !== 'object' || from === null || Array.isArray(from)) {
        refuse(value as Node, place, '<< takes a map, or a list of maps');
        continue;
      }
      for (const [name, inside] of Object.entries(from)) if (!Object.hasOwn(merged, name)) merged[name] = inside;
    }
  }

  const known = new Map<unknown, Lines>();

  /** The line of each value. A value with several aliases is visited once. */
  function lines(node: unknown, line: number): Lines {
    const target = isAlias(node) ? resolved(node) : node;
    const visited = known.get(target);
    if (visited !== undefined) return visited;
    if (isSeq(target)) {
      const within: Lines[] = [];
      const seq: Lines = { line, within };
      known.set(target, seq);
      for (const item of target.items) within.push(lines(item, lineOfNode((item ?? target) as Node)));
      return seq;
    }
    if (!isMap(target)) return { line };
    const within: { [name: string]: Lines } = Object.create(null);
    const map: Lines = { line, within };
    known.set(target, map);
    const merged: unknown[] = [];
    for (const { key, value } of target.items) {
      const name = nameOf(key);
      if (isMerge(key)) merged.push(...sourcesOf(value));
      else if (name !== undefined && !Object.hasOwn(within, name)) within[name] = lines(value, lineOfNode(key as Node));
    }
    for (const source of merged) {
      const from = lines(source, line).within;
      if (from === undefined || Array.isArray(from)) continue;
      for (const [name, its] of Object.entries(from)) if (!Object.hasOwn(within, name)) within[name] = its;
    }
    return map;
  }

  function sourcesOf(value: unknown): readonly unknown[] {
    const node = isAlias(value) ? resolved(value) : value;
    return isSeq(node) ? node.items : [value];
  }

  return { json, lines, problems };
}

export function documentOf({ value, lines }: { readonly value: Json; readonly lines: Lines }): ConfigurationDocument {
  return {
    value,
    lineOf(place) {
      let { line, within } = lines;
      for (const part of place) {
        const next = within !== undefined && Object.hasOwn(within, part) ? Reflect.get(within, part) : undefined;
        if (next === undefined) return line;
        ({ line, within } = next as Lines);
      }
      return line;
    },
  };
}

function nameOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  const { value } = key;
  return typeof value === 'string' ? value : value === null || typeof value === 'object' ? undefined : String(value);
}

function isMerge(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

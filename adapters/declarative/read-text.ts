/**
 * The syntax of a declarative file: YAML 1.2, which includes JSON. Records the line of each value. Names are plain keys
 * (also `__proto__`), a duplicate name is refused, and aliases cannot multiply the values of a file without limit.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import type { ConfigurationDocument, DocumentProblem, Place } from '../../src/declarative/document.ts';
import type { Json } from '../../src/ports/entity-store.ts';

export type TextRead =
  | { readonly value: Json; readonly lines?: Lines | undefined; readonly problems?: undefined }
  | { readonly problems: readonly DocumentProblem[] };

/** The line of a value, and of those in it. */
export interface Lines {
  readonly line: number;
  readonly within?: readonly Lines[] | { readonly [name: string]: Lines };
}

/** How many values aliases may make. */
const aliasedLimit = 1_000_000;
const depthLimit = 64;
const tooDeep = `nested more than ${depthLimit} deep`;

/** `withLines`: records the line of each value, which takes as much memory as the values. */
export function readText(text: string, withLines = true): TextRead {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: false });
  } catch (error) {
    // The parser is recursive; deep nesting exhausts its stack.
    const message = error instanceof RangeError ? tooDeep : (error as Error).message;
    return { problems: [{ place: [], message }] };
  }
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const refused = [...document.errors, ...document.warnings];
  if (refused.length > 0) {
    return {
      problems: refused.map(({ pos, message, code }) => ({
        place: [],
        line: lineAt(pos[0]),
        message: code === 'MULTIPLE_DOCS' ? secondDocument : message,
      })),
    };
  }
  const reader = nodeReader(document, (node) => lineAt(node.range?.[0] ?? 0));
  const { value } = reader.read(document.contents, []);
  if (reader.problems.length > 0) return { problems: reader.problems };
  if (!withLines) return { value };
  return { value, lines: reader.lines(document.contents, lineAt(document.contents?.range?.[0] ?? 0)) };
}

/** A value that was read, with its size as JSON: aliases share one object, but count with all that is in it. */
interface Measured {
  readonly value: Json;
  /** How many values it has, itself included. */
  readonly size: number;
  /** How many values are around its deepest one, itself included. */
  readonly depth: number;
}

const secondDocument =
  'a second YAML document begins here, after ---; a configuration is one document: join them or load one of them';

function nodeReader(document: Document.Parsed, lineOfNode: (node: Node) => number) {
  const problems: DocumentProblem[] = [];
  const targets = targetsOfAliases(document);
  /** Values with an anchor. `undefined`: being read. */
  const anchored = new Map<Node, Measured | undefined>();
  let aliased = 0;

  const nothing: Measured = { value: null, size: 1, depth: 1 };
  const refuse = (node: Node | null, place: Place, message: string): Measured => {
    problems.push({ place, line: node === null ? 1 : lineOfNode(node), message });
    return nothing;
  };

  /** Counts what an alias makes. Reading stops when the limit is reached. */
  function count(node: Node, size: number): boolean {
    if (aliased > aliasedLimit) return false;
    aliased += size;
    if (aliased > aliasedLimit) refuse(node, [], `aliases make more than ${aliasedLimit} values of this file`);
    return aliased <= aliasedLimit;
  }

  function read(node: unknown, place: Place): Measured {
    if (problems.length > 100 || node === null || node === undefined) return nothing;
    if (place.length > depthLimit) return refuse(node as Node, place, tooDeep);
    if (isAlias(node)) return aliasedValue(node, place);
    if (!isNode(node) || node.anchor === undefined) return readPlain(node as Node, place);
    if (!anchored.has(node)) {
      anchored.set(node, undefined);
      anchored.set(node, readPlain(node, place));
    }
    return anchored.get(node) ?? refuse(node, place, inItself(node.anchor));
  }

  function aliasedValue(alias: Alias, place: Place): Measured {
    const target = targets.get(alias);
    if (target === undefined) return refuse(alias, place, `there is no anchor &${alias.source} before this alias`);
    // An anchor comes before its aliases, so its value was read, unless the alias is inside it.
    const found = anchored.get(target);
    if (found === undefined) {
      return anchored.has(target) ? refuse(alias, place, inItself(alias.source)) : read(target, place);
    }
    if (place.length + found.depth - 1 > depthLimit) return refuse(alias, place, tooDeep);
    return count(alias, found.size) ? found : nothing;
  }

  function readPlain(node: Node, place: Place): Measured {
    if (isScalar(node)) {
      const { value } = node;
      if (typeof value === 'bigint') return { value: Number(value), size: 1, depth: 1 };
      if (value === null || ['string', 'boolean', 'number'].includes(typeof value)) {
        return { value: value as Json, size: 1, depth: 1 };
      }
      return refuse(node, place, 'expected text, a number, true, false or null');
    }
    if (isSeq(node)) {
      const items = node.items.map((item, at) => read(item, [...place, at]));
      return measured(
        items.map(({ value }) => value),
        items,
      );
    }
    return isMap(node) ? readMap(node, place) : refuse(node, place, 'cannot be read');
  }

  function readMap(map: YAMLMap, place: Place): Measured {
    const object = new Map<string, Measured>();
    const merged = new Map<string, Measured>();
    for (const { key, value } of map.items) {
      const name = nameOf(key);
      if (name === undefined) refuse(key as Node, place, 'a name has to be text');
      else if (isMerge(key)) mergeInto(merged, value, place);
      else if (object.has(name)) refuse(key as Node, [...place, name], 'is a duplicate name');
      else object.set(name, read(value, [...place, name]));
    }
    for (const [name, value] of merged) if (!object.has(name)) object.set(name, value);
    return measuredMap(object);
  }

  /** `<<: *defaults` (https://yaml.org/type/merge.html): the values of the map itself come first. */
  function mergeInto(merged: Map<string, Measured>, value: unknown, place: Place): void {
    for (const source of sourcesOf(value)) {
      const from = read(source, place);
      const parts = mapParts.get(from.value as object);
      if (parts === undefined) {
        if (aliased <= aliasedLimit) refuse(value as Node, place, '<< takes a map, or a list of maps');
        continue;
      }
      // The maps of a list that has an alias are read at each merge. A map that has an alias itself was counted there.
      if (!isAlias(source) && !count(source as Node, from.size)) return;
      for (const [name, inside] of parts) if (!merged.has(name)) merged.set(name, inside);
    }
  }

  /** The members of each map, with their sizes. */
  const mapParts = new WeakMap<object, ReadonlyMap<string, Measured>>();

  function measuredMap(parts: ReadonlyMap<string, Measured>): Measured {
    const object: { [name: string]: Json } = Object.create(null);
    for (const [name, { value }] of parts) object[name] = value;
    mapParts.set(object, parts);
    return measured(object, parts.values());
  }

  const known = new Map<unknown, Lines>();

  /** The line of each value. A value with several aliases is visited once. */
  function lines(node: unknown, line: number): Lines {
    const target = isAlias(node) ? targets.get(node) : node;
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
    const node = isAlias(value) ? targets.get(value) : value;
    return isSeq(node) ? node.items : [value];
  }

  return { read, lines, problems };
}

/** The node that each alias refers to: the last one before it with its anchor. One walk finds them all. */
function targetsOfAliases(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const latest = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = latest.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) latest.set(node.anchor, node);
    },
  });
  return targets;
}

function measured(value: Json, parts: Iterable<Measured>): Measured {
  let size = 1;
  let deepest = 0;
  for (const part of parts) {
    size += part.size;
    deepest = Math.max(deepest, part.depth);
  }
  return { value, size, depth: deepest + 1 };
}

const inItself = (anchor: string): string => `the alias *${anchor} is inside the value that it refers to`;

export function documentOf({ value, lines }: Extract<TextRead, { value: Json }>): ConfigurationDocument {
  return {
    value,
    lineOf(place) {
      if (lines === undefined) return undefined;
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

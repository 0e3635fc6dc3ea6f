/**
 * The syntax of a declarative file: YAML 1.2, of which JSON is a part. Says the line of each value. Names are plain keys
 * whatever they are (`__proto__`), a name that stands twice is refused, and aliases may not make more of a file than a
 * person could have written.
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
import type { ConfigurationDocument, DocumentProblem, Place } from '../../src/gateway/declarative/document.ts';
import type { Json } from '../../src/ports/entity-store.ts';

export type TextRead = ConfigurationDocument | { readonly problems: readonly DocumentProblem[] };

/** How many values may come out of aliases. */
const aliasedLimit = 100_000;
const depthLimit = 64;

export function readText(text: string): TextRead {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: false });
  } catch (error) {
    // The parser is recursive; what is nested without end exhausts it.
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
  return { value, lineOf: (place) => reader.lineOf(document.contents, place) };
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
      else if (Object.hasOwn(object, name)) refuse(key as Node, [...place, name], 'stands here for the second time');
      else object[name] = json(value, [...place, name]);
    }
    for (const [name, value] of Object.entries(merged)) if (!Object.hasOwn(object, name)) object[name] = value;
    return object;
  }

  /** `<<: *defaults` (https://yaml.org/type/merge.html): what the map itself says goes first. */
  function mergeInto(merged: { [name: string]: Json }, value: unknown, place: Place): void {
    const node = isAlias(value) ? resolved(value) : value;
    for (const source of isSeq(node) ? node.items : [value]) {
      const from = json(source, place);
      if (typeof from !== 'object' || from === null || Array.isArray(from)) {
        refuse(value as Node, place, '<< takes a map, or a list of maps');
        continue;
      }
      for (const [name, inside] of Object.entries(from)) if (!Object.hasOwn(merged, name)) merged[name] = inside;
    }
  }

  function lineOf(from: unknown, place: Place): number | undefined {
    let node: unknown = from;
    let line: number | undefined;
    for (const part of [undefined, ...place]) {
      if (part !== undefined) {
        const [key, inside] = step(node, part);
        if (inside === undefined && key === undefined) return line;
        line = lineOfNode((key ?? inside) as Node);
        node = inside;
      } else line = node === null || node === undefined ? 1 : lineOfNode(node as Node);
    }
    return line;
  }

  /** The key and the value behind a name or an index; through aliases, and what was merged in. */
  function step(node: unknown, part: string | number): readonly [key: unknown, value: unknown] {
    const target = isAlias(node) ? resolved(node) : node;
    if (isSeq(target) && typeof part === 'number') return [undefined, target.items[part] ?? undefined];
    if (!isMap(target) || typeof part !== 'string') return [undefined, undefined];
    const pair = target.items.find(({ key }) => nameOf(key) === part && !isMerge(key));
    if (pair !== undefined) return [pair.key, pair.value];
    for (const { key, value } of target.items) {
      if (!isMerge(key)) continue;
      const source = isAlias(value) ? resolved(value) : value;
      for (const one of isSeq(source) ? source.items : [source]) {
        const found = step(one, part);
        if (found[0] !== undefined) return found;
      }
    }
    return [undefined, undefined];
  }

  return { json, lineOf, problems };
}

function nameOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  const { value } = key;
  return typeof value === 'string' ? value : value === null || typeof value === 'object' ? undefined : String(value);
}

function isMerge(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

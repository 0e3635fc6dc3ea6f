/**
 * The named fields of a body, whichever way they are written: a form, multipart (RFC 7578) or the members of a JSON
 * object. What is not edited is written as it came.
 */
import { mediaType } from '../wire/parameters.ts';
import { formPairs, pairOf, printed } from './form.ts';

export interface BodyFields {
  has(name: string): boolean;
  remove(name: string): void;
  rename(from: string, to: string): void;
  /** In the place of all of that name. */
  set(name: string, value: string): void;
  /** Beside those of that name. */
  append(name: string, value: string): void;
  print(): Uint8Array;
}

/** `undefined`: the body is of another kind, or not what it says it is. */
export function bodyFields(contentType: string | undefined, body: Uint8Array): BodyFields | undefined {
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  switch (mediaType(contentType)) {
    case 'application/x-www-form-urlencoded':
      return formFields(octets.toString('latin1'));
    case 'multipart/form-data':
      return multipartFields(contentType!, octets.toString('latin1'));
    case 'application/json':
      return jsonFields(octets.toString('utf8'));
    default:
      return undefined;
  }
}

function formFields(text: string): BodyFields {
  let pairs = formPairs(text);
  return {
    has: (name) => pairs.some((pair) => pair.name === name),
    remove(name) {
      pairs = pairs.filter((pair) => pair.name !== name);
    },
    rename(from, to) {
      pairs = pairs
        .filter((pair) => pair.name !== to)
        .map((pair) => (pair.name === from ? { text: renamed(pair.text, to), name: to } : pair));
    },
    set(name, value) {
      pairs = [...pairs.filter((pair) => pair.name !== name), pairOf(name, value)];
    },
    append(name, value) {
      pairs.push(pairOf(name, value));
    },
    print: () => Buffer.from(printed(pairs), 'latin1'),
  };
}

/** `name=value` by another name. */
export function renamed(pair: string, name: string): string {
  const equals = pair.indexOf('=');
  return encodeURIComponent(name) + (equals < 0 ? '' : pair.slice(equals));
}

interface Part {
  readonly name: string | undefined;
  /** Head and content with the line ends around them, one code unit for each octet. */
  readonly octets: string;
}

function multipartFields(contentType: string, text: string): BodyFields | undefined {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  if (found === null) return undefined;
  const delimiter = `--${found[1] ?? found[2]}`;
  const pieces = `\r\n${text}`.split(`\r\n${delimiter}`);
  const last = pieces.pop()!;
  if (pieces.length === 0 || !last.startsWith('--')) return undefined;
  let parts: Part[] = pieces.slice(1).map((octets) => ({ name: partName(octets), octets }));
  const made = (name: string, value: string): Part => {
    const quoted = Buffer.from(name, 'utf8')
      .toString('latin1')
      .replace(/["\r\n]/g, (character) => encodeURIComponent(character));
    const content = Buffer.from(value, 'utf8').toString('latin1');
    return { name, octets: `\r\nContent-Disposition: form-data; name="${quoted}"\r\n\r\n${content}` };
  };
  const contentOf = ({ octets }: Part): string =>
    Buffer.from(octets.slice(octets.indexOf('\r\n\r\n') + 4), 'latin1').toString('utf8');
  return {
    has: (name) => parts.some((part) => part.name === name),
    remove(name) {
      parts = parts.filter((part) => part.name !== name);
    },
    rename(from, to) {
      parts = parts
        .filter((part) => part.name !== to)
        .map((part) => (part.name === from ? made(to, contentOf(part)) : part));
    },
    set(name, value) {
      parts = [...parts.filter((part) => part.name !== name), made(name, value)];
    },
    append(name, value) {
      parts.push(made(name, value));
    },
    print() {
      const all = parts.map(({ octets }) => `${delimiter}${octets}\r\n`).join('');
      return Buffer.from(`${all}${delimiter}--\r\n`, 'latin1');
    },
  };
}

function partName(octets: string): string | undefined {
  const head = octets.slice(0, octets.indexOf('\r\n\r\n') + 2);
  const found = /^content-disposition:\s*form-data;(?:[^\r\n]*;)?\s*name=(?:"([^"]*)"|([^\s;"]+))/im.exec(head);
  return found === null ? undefined : Buffer.from(found[1] ?? found[2]!, 'latin1').toString('utf8');
}

function jsonFields(text: string): BodyFields | undefined {
  const fields = jsonObject(text);
  if (fields === undefined) return undefined;
  return {
    has: (name) => fields.has(name),
    remove: (name) => void fields.delete(name),
    rename(from, to) {
      const value = fields.get(from);
      fields.delete(from);
      fields.set(to, value);
    },
    set: (name, value) => void fields.set(name, value),
    append(name, value) {
      const before = fields.get(name);
      fields.set(name, before === undefined ? [value] : Array.isArray(before) ? [...before, value] : [before, value]);
    },
    print: () => Buffer.from(JSON.stringify(Object.fromEntries(fields))),
  };
}

/** The members of a JSON object; `__proto__` is one like any other. `undefined`: it is none. */
export function jsonObject(text: string): Map<string, unknown> | undefined {
  if (isDeeperThan(deepest, text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

/** Levels of JSON; Kong's parser gives up there, too. What is nested deeper could not be written again safely. */
const deepest = 1000;

function isDeeperThan(limit: number, json: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (isInString) {
      if (character === 0x5c) i++;
      else if (character === 0x22) isInString = false;
    } else if (character === 0x22) isInString = true;
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > limit) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

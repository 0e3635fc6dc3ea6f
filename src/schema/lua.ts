/** The parts of Lua that are visible in Kong's responses: tables in messages, and the numbers in forms. */
import { isObject, own } from './json.ts';

/**
 * A value as a Lua table: `{name="a"}` in one line, or over several lines with `indent`. A null in a list is left out,
 * and the element after it is written with its index.
 */
export function luaText(value: unknown, indent = ''): string {
  return indent === '' ? inOneLine(value) : overLines(value, indent, '');
}

function inOneLine(value: unknown): string {
  const parts = Array.isArray(value)
    ? value.map(inOneLine)
    : isObject(value)
      ? sortedKeys(value).map((key) => `${luaKey(key)}=${inOneLine(own(value, key))}`)
      : undefined;
  return parts === undefined ? luaScalar(value) : `{${parts.join(',')}}`;
}

function overLines(value: unknown, indent: string, before: string): string {
  const inside = before + indent;
  const parts: string[] = [];
  if (Array.isArray(value)) {
    const hole = value.indexOf(null);
    value.forEach((item, i) => {
      if (item === null) return;
      const text = overLines(item, indent, inside);
      parts.push(hole === -1 || i < hole ? text : `[${i + 1}] = ${text}`);
    });
  } else if (isObject(value)) {
    for (const key of sortedKeys(value)) {
      parts.push(`${luaKey(key)} = ${overLines(own(value, key), indent, inside)}`);
    }
  } else {
    return luaScalar(value);
  }
  return parts.length === 0 ? '{\n}' : `{\n${parts.map((part) => inside + part).join(',\n')}\n${before}}`;
}

export function sortedKeys(object: { readonly [key: string]: unknown }): string[] {
  return Object.keys(object).sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
}

function luaKey(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? key : `[${luaScalar(key)}]`;
}

const escapes: { readonly [character: string]: string } = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\\n',
  '\r': '\\r',
  '\0': '\\0',
};

function luaScalar(value: unknown): string {
  return typeof value === 'string' ? `"${value.replace(/["\\\n\r\0]/g, (found) => escapes[found]!)}"` : String(value);
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const hexadecimal = /^([+-]?)(0[xX][0-9a-fA-F]+)$/;

/** The number that Lua reads from a text: decimal or hexadecimal, with spaces around it. */
export function luaNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (decimal.test(trimmed)) return Number(trimmed);
  const hex = hexadecimal.exec(trimmed);
  return hex === null ? undefined : Number(hex[2]) * (hex[1] === '-' ? -1 : 1);
}

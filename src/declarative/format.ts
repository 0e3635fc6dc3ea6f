/** The versions of Kong's declarative format, and their differences. */
import type { Json } from '../ports/entity-store.ts';
import type { JsonObject } from '../schema/description.ts';
import { isObject, own } from '../schema/json.ts';

export const formatVersions = ['1.1', '2.1', '3.0'] as const;

/** YAML reads an unquoted 3.0 as a number. */
export function formatVersionOf(value: Json | undefined): (typeof formatVersions)[number] | undefined {
  const text = value === 3 ? '3.0' : typeof value === 'number' ? String(value) : value;
  return formatVersions.find((version) => version === text);
}

/** Before 3.0 a path was a regex if it had characters that paths do not have; since then a regex begins with `~`. */
export function withMarkedRegexes(route: JsonObject): JsonObject {
  const paths = own(route, 'paths');
  if (!isObject(route) || !Array.isArray(paths)) return route;
  return { ...route, paths: paths.map((path) => (typeof path === 'string' ? marked(path) : path)) };
}

function marked(path: string): string {
  if (/^[a-zA-Z0-9.\-_~/%]*$/.test(path) || path.startsWith('~')) return path;
  return `~${decodedRegex(path)}`;
}

/** A regex is matched against the decoded path, so its percent-encoded characters are decoded and escaped. */
function decodedRegex(regex: string): string {
  return regex.replace(/%([0-9a-fA-F]{2})/g, (encoded, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    if (/[!*'();:@&=+$,/?%#[\]\x00-\x1f\x7f-\xff]/.test(char)) return encoded.toUpperCase();
    return /[A-Za-z0-9_~ <>"-]/.test(char) ? char : `\\${char}`;
  });
}

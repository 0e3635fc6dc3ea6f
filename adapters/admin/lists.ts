/** Lists: reads the query string, and writes the address of the next page. */
import { Buffer } from 'node:buffer';
import type { EntityQuery, TagFilter } from '../../src/ports/entity-store.ts';
import type { Description } from '../../src/schema/description.ts';
import { invalidOffset, invalidOption, invalidSize, type RefusalBody } from '../../src/schema/error-bodies.ts';
import { luaNumber } from '../../src/schema/lua.ts';
import { isUuid } from '../../src/schema/validate.ts';
import { type AdminResponse, badRequest, refused } from './response.ts';

export type ListRead =
  | { readonly query: EntityQuery; readonly refusal?: undefined }
  | { readonly refusal: AdminResponse };

export function readListQuery(description: Description, parameters: URLSearchParams): ListRead {
  const size = readSize(parameters);
  if (typeof size !== 'number') return { refusal: refused(size) };
  const offset = parameters.get('offset');
  const after = offset === null ? undefined : readOffset(offset, isId);
  if (after !== undefined && 'refusal' in after) return after;
  const query: EntityQuery = { size, after: after?.position };

  for (const field of description.filters ?? []) {
    const value = parameters.get(field);
    if (value === '') return { refusal: badRequest(`${field} must be an unempty string`) };
    if (value !== null) return { query: { ...query, where: { field, value } } };
  }
  const tags = description.fields['tags'] === undefined ? null : parameters.get('tags');
  if (tags === null) return { query };
  const filter = readTags(tags);
  return 'code' in filter ? { refusal: refused(filter) } : { query: { ...query, tags: filter } };
}

export function readSize(parameters: URLSearchParams): number | RefusalBody {
  const sizes = parameters.getAll('size');
  if (sizes.length === 0) return 100;
  const size = sizes.length === 1 ? luaNumber(sizes[0]!) : undefined;
  if (size === undefined) return invalidSize('size must be a number');
  if (!Number.isInteger(size) || size < 1 || size > 1000) {
    return invalidSize('size must be an integer between 1 and 1000');
  }
  return size;
}

/** An offset is a position in a list. Clients send it back unchanged. */
export function offsetOf(position: unknown): string {
  return Buffer.from(JSON.stringify(position), 'utf8').toString('base64');
}

export function readOffset<T>(
  offset: string,
  isPosition: (position: unknown) => position is T,
): { readonly position: T } | { readonly refusal: AdminResponse } {
  const wrong = (why: string) => ({ refusal: refused(invalidOffset(offset, why)) });
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(offset) || offset.replace(/=+$/, '').length % 4 === 1) {
    return wrong('bad base64 encoding');
  }
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(offset, 'base64').toString('utf8'));
  } catch {
    return wrong('bad json encoding');
  }
  return isPosition(position) ? { position } : wrong('not a position in this list');
}

function isId(position: unknown): position is string {
  return typeof position === 'string' && isUuid(position);
}

const mostTags = 5;

function readTags(text: string): Exclude<TagFilter, 'some'> | RefusalBody {
  if (text === '') return invalidOption('tags', 'cannot be null');
  const and = text.includes(',');
  const list = text.replace(/[,/]$/, '').split(and ? ',' : '/');
  const wrong = list.some((tag) => !/^[\x20-\x2b\x2d\x2e\x30-\x7e\u0080-\uffff]+$/.test(tag));
  if (wrong) return invalidOption('tags', 'invalid filter syntax');
  if (list.length > mostTags) return invalidOption('tags', `cannot query more than ${mostTags} tags`);
  return and || list.length === 1 ? { all: list } : { any: list };
}

/** The address of the next page. Top-level lists keep their size and tags, nested ones do not (Kong). */
export function nextPage(
  path: string,
  next: unknown,
  kept?: URLSearchParams,
): { offset?: string; next: string | null } {
  if (next === undefined) return { next: null };
  const offset = offsetOf(next);
  const tags = kept?.get('tags') ?? null;
  const size = kept?.get('size') ?? null;
  const more =
    (tags === null ? '' : `&tags=${encodeURIComponent(tags)}`) +
    (size === null ? '' : `&size=${encodeURIComponent(size)}`);
  return { offset, next: `${path}?offset=${encodeURIComponent(offset)}${more}` };
}

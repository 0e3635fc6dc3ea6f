/** The responses of the Admin API, before Koa prints them. */
import type { Entity } from '../../src/ports/entity-store.ts';
import { codes, type RefusalBody } from '../../src/schema/error-bodies.ts';

export interface AdminResponse {
  readonly status: number;
  /** Printed as JSON; text is printed as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ok(body: unknown): AdminResponse {
  return { status: 200, body };
}

export function created(body: unknown): AdminResponse {
  return { status: 201, body };
}

export const noContent: AdminResponse = { status: 204 };

export function text(body: string, contentType: string, status = 200): AdminResponse {
  return { status, headers: { 'Content-Type': contentType }, body };
}

/** Most of Kong's errors say one sentence. */
export function message(status: number, sentence: string, headers?: Readonly<Record<string, string>>): AdminResponse {
  return { status, body: { message: sentence }, ...(headers === undefined ? {} : { headers }) };
}

export const notFound = message(404, 'Not found');
export const methodNotAllowed = message(405, 'Method not allowed');

export function badRequest(sentence: string): AdminResponse {
  return message(400, sentence);
}

const statuses: Readonly<Record<(typeof codes)[keyof typeof codes], number>> = {
  [codes.invalidPrimaryKey]: 400,
  [codes.schemaViolation]: 400,
  [codes.primaryKeyViolation]: 400,
  [codes.foreignKeyViolation]: 400,
  [codes.uniqueViolation]: 409,
  [codes.notFound]: 404,
  [codes.invalidOffset]: 400,
  [codes.invalidSize]: 400,
  [codes.invalidUnique]: 400,
  [codes.invalidOptions]: 400,
  [codes.operationUnsupported]: 405,
  [codes.foreignKeysUnresolved]: 400,
  [codes.invalidConfiguration]: 400,
  [codes.referencedByOthers]: 400,
};

export function refused(body: RefusalBody): AdminResponse {
  return { status: statuses[body.code as keyof typeof statuses], body };
}

/** The row that was read or written, or the response that says why there is none. */
export type Outcome =
  | { readonly row: Entity; readonly warnings?: readonly string[]; readonly refusal?: undefined }
  | { readonly refusal: AdminResponse };

export function responseTo(outcome: Outcome, done: (row: Entity) => AdminResponse = ok): AdminResponse {
  return outcome.refusal ?? withWarnings(done(outcome.row), outcome.warnings ?? []);
}

/** In a header, since the body of a response is Kong's. */
export function withWarnings(response: AdminResponse, warnings: readonly string[]): AdminResponse {
  if (warnings.length === 0) return response;
  const more = warnings.length > mostWarnings ? `; and ${warnings.length - mostWarnings} more` : '';
  const text = warnings
    .slice(0, mostWarnings)
    .join('; ')
    .replace(/[^\x20-\x7e]/g, '?');
  return { ...response, headers: { ...response.headers, 'X-Portcullis-Warning': `${text}${more}` } };
}

const mostWarnings = 10;

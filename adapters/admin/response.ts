/** What the Admin API answers, before Koa prints it. */
import { codes, type RefusalBody } from '../../src/schema/error-bodies.ts';

export interface AdminResponse {
  readonly status: number;
  /** Printed as JSON; text is printed as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
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
};

export function refused(body: RefusalBody): AdminResponse {
  return { status: statuses[body.code as keyof typeof statuses], body };
}

export const notFound: AdminResponse = { status: 404, body: { message: 'Not found' } };
export const methodNotAllowed: AdminResponse = { status: 405, body: { message: 'Method not allowed' } };
export const noContent: AdminResponse = { status: 204 };

export function ok(body: unknown): AdminResponse {
  return { status: 200, body };
}

export function created(body: unknown): AdminResponse {
  return { status: 201, body };
}

export function badRequest(message: string): AdminResponse {
  return { status: 400, body: { message } };
}

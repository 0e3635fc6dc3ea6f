/** What the Admin API answers, before Koa prints it. */
import { codes, type RefusalBody } from '../../src/schema/answers.ts';

export interface Reply {
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

export function refused(body: RefusalBody): Reply {
  return { status: statuses[body.code as keyof typeof statuses], body };
}

export const notFound: Reply = { status: 404, body: { message: 'Not found' } };
export const methodNotAllowed: Reply = { status: 405, body: { message: 'Method not allowed' } };
export const noContent: Reply = { status: 204 };

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

export function created(body: unknown): Reply {
  return { status: 201, body };
}

export function badRequest(message: string): Reply {
  return { status: 400, body: { message } };
}

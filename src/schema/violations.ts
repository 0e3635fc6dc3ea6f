/**
 * The violations of an entity in Kong's form: messages by field, nested as the fields are, with null for the valid
 * elements of a list. Violations of the whole entity are under `@entity`.
 */
import { bag, own } from './json.ts';

export type Violation = string | readonly (Violation | null)[] | { readonly [field: string]: Violation };
export type Violations = { readonly [field: string]: Violation };

export const entity = '@entity';

/** Collects violations. `found` returns `undefined` if there are none. */
export class Findings {
  readonly #violations: { [field: string]: Violation } = bag();
  readonly #ofEntity: string[] = [];

  add(field: string, violation: Violation | undefined): void {
    if (violation !== undefined) this.#violations[field] = violation;
  }

  addToEntity(message: string): void {
    if (this.#ofEntity.length === 0) this.#violations[entity] = this.#ofEntity;
    this.#ofEntity.push(message);
  }

  /** At a dotted path. */
  addAt(path: string, violation: Violation): void {
    const keys = path.split('.');
    const last = keys.pop()!;
    let into = this.#violations;
    for (const key of keys) {
      const next = own(into, key);
      // A violation of the whole record is not replaced by one of a part.
      if (typeof next === 'string' || Array.isArray(next)) return;
      into = (next as { [field: string]: Violation } | undefined) ?? (into[key] = bag<Violation>());
    }
    into[last] = violation;
  }

  /** Whether there is a violation at a dotted path, or of a record above it. */
  has(path: string): boolean {
    let found: Violation | undefined = this.#violations;
    for (const key of path.split('.')) {
      if (typeof found !== 'object' || Array.isArray(found)) return found !== undefined;
      found = own(found as Violations, key);
    }
    return found !== undefined;
  }

  found(): Violations | undefined {
    return Object.keys(this.#violations).length === 0 ? undefined : this.#violations;
  }
}

/** Each violation with the path of its field (`config.scopes[2]`), for messages by line. */
export function listViolations(violations: Violations): { readonly path: string; readonly message: string }[] {
  const list: { path: string; message: string }[] = [];
  const visit = (violation: Violation | null, path: string): void => {
    if (violation === null) return;
    if (typeof violation === 'string') list.push({ path, message: violation });
    else if (Array.isArray(violation)) {
      const ofEntity = path === entity || path.endsWith(`.${entity}`);
      const whole = path.slice(0, -entity.length - 1);
      for (const [i, part] of violation.entries()) visit(part, ofEntity ? whole : `${path}[${i + 1}]`);
    } else {
      for (const [key, part] of Object.entries(violation as Violations))
        visit(part, path === '' ? key : `${path}.${key}`);
    }
  };
  visit(violations, '');
  return list;
}

/**
 * What is wrong with an entity, in Kong's words and Kong's shape: by field, nested as the fields are, lists with a hole
 * where an element is right; what is wrong with the entity as a whole stands under `@entity`.
 */
import { bag, own } from './json.ts';

export type Violation = string | readonly (Violation | null)[] | { readonly [field: string]: Violation };
export type Violations = { readonly [field: string]: Violation };

export const entity = '@entity';

/** Violations while they are found. `undefined` from `found`: none. */
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
      // What is said of the whole record already is not replaced by what is said of a part.
      if (typeof next === 'string' || Array.isArray(next)) return;
      into = (next as { [field: string]: Violation } | undefined) ?? (into[key] = bag<Violation>());
    }
    into[last] = violation;
  }

  /** Whether anything is wrong at a dotted path, or with a record on the way to it. */
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

/** Each single violation with the path of its field, for messages that go by lines: `config.scopes[2]`. */
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

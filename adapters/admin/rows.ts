/**
 * The rows behind the endpoints. A write drafts a row from what was sent, resolves references by name, validates the row
 * and gives it to the store. Each function returns the row, or the response that says why there is none.
 */

import { withoutEffect } from '../../src/entities/without-effect.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Entity, type EntityStore, referenceIn, type Written } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { type Auto, presented, tokensNeeded } from '../../src/schema/complete.ts';
import type { Description, JsonObject } from '../../src/schema/description.ts';
import {
  type Draft,
  draftChange,
  draftInsert,
  draftReplace,
  finished,
  refer,
  unresolvedReferences,
  violationsOf,
  withSubschemaKey,
} from '../../src/schema/draft.ts';
import {
  danglingReference,
  invalidOption,
  type NotResolved,
  notFoundBy,
  primaryKeyViolation,
  type RefusalBody,
  referencesUnresolved,
  schemaViolation,
  stillReferenced,
  uniqueViolation,
  valuesOf,
} from '../../src/schema/error-bodies.ts';
import { coerced } from '../../src/schema/form.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid } from '../../src/schema/validate.ts';
import type { Violations } from '../../src/schema/violations.ts';
import type { Body } from './body.ts';
import { type ConfigurationFile, writtenByFile } from './configuration-file.ts';
import type { Hooks } from './kind-hooks.ts';
import { type AdminResponse, message, type Outcome, refused } from './response.ts';

export interface RowsOptions {
  /** Holds the rows of every entity, tokens included. */
  readonly store: EntityStore;
  readonly hooks: Hooks;
  readonly entities: ReadonlyMap<string, Description>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hashSecret: (secret: string) => Promise<string>;
  readonly file: ConfigurationFile;
}

export interface Rows {
  readonly store: EntityStore;
  /** By id, or by the field that may stand for it. */
  find(description: Description, key: string): Promise<Entity | undefined>;
  insert(description: Description, body: Body): Promise<Outcome>;
  change(description: Description, key: string, body: Body): Promise<Outcome>;
  /** Replaces the row that the key names, or inserts one. */
  put(description: Description, key: string, body: Body): Promise<Outcome>;
  /** `undefined`: the row does not exist any more. */
  remove(description: Description, key: string): Promise<AdminResponse | undefined>;
}

/** How often a change is repeated because another request changed the row first. */
const attempts = 10;

export function rows(options: RowsOptions): Rows {
  const { store, hooks, entities, clock, entropy, hashSecret, file } = options;
  const describe = (kind: string): Description | undefined => entities.get(kind);

  async function stored(description: Description, key: string): Promise<Entity | undefined> {
    const kind = kindOf(description);
    if (isUuid(key)) return store.get(kind, key.toLowerCase());
    return description.endpointKey === undefined ? undefined : store.getBy(kind, description.endpointKey, key);
  }

  async function find(description: Description, key: string): Promise<Entity | undefined> {
    const row = await stored(description, key);
    return row === undefined ? undefined : printed(description, row);
  }

  function auto(description: Description, sent: JsonObject): Auto {
    const tokens = Array.from({ length: tokensNeeded(description, sent) }, () => entropy.token());
    return { now: clock.now(), uuid: entropy.uuid(), tokens };
  }

  function read(description: Description, { form, sent }: Body, before?: Entity): JsonObject {
    if (!form) return sent;
    return coerced(description, before === undefined ? sent : withSubschemaKey(description, sent, before), describe);
  }

  /** The row that is ready for the store. */
  async function checked(draft: Draft): Promise<Outcome> {
    let resolved = draft;
    const unknown: NotResolved[] = [];
    if (draft.violations === undefined) {
      for (const reference of unresolvedReferences(draft, describe)) {
        const id = await idOf(reference);
        if (id === undefined) unknown.push(reference);
        else resolved = refer(resolved, reference.field, id);
      }
    }
    if (unknown.length > 0) return { refusal: refused(referencesUnresolved(unknown)) };
    const violations =
      violationsOf(resolved, describe) ?? (await hooks.get(draft.description.name)?.violations?.(resolved));
    if (violations !== undefined) return { refusal: refused(refusalOf(draft.description, violations)) };
    return { row: await hashed(draft.description, finished(resolved)) };
  }

  async function idOf({ kind, by }: NotResolved): Promise<string | undefined> {
    for (const { field, value } of by) {
      const found = await store.getBy(kindOf(describe(kind)!), field, value);
      if (found !== undefined) return found.id;
    }
    return undefined;
  }

  async function hashed(description: Description, row: Entity): Promise<Entity> {
    let done = row;
    for (const { hashes } of description.transformations ?? []) {
      const secret = done[hashes.field];
      if (!hashes.when(done) || typeof secret !== 'string' || hashes.isDone(secret)) continue;
      done = { ...done, [hashes.field]: await hashSecret(secret) };
    }
    return done;
  }

  async function outcomeOf(description: Description, row: Entity, written: Written): Promise<Outcome> {
    switch (written.outcome) {
      case 'written':
        return {
          row: (await hooks.get(description.name)?.afterWrite?.(row)) ?? row,
          warnings: withoutEffect(description.name, row).map(({ field, message }) => `${field}: ${message}`),
        };
      case 'taken':
        return {
          refusal: refused(
            written.fields.includes('id')
              ? primaryKeyViolation(row.id)
              : uniqueViolation(valuesOf(row, written.fields, description.fields)),
          ),
        };
      case 'dangling': {
        const { field } = written;
        const { kind } = kindOf(description).foreign.find((foreign) => foreign.field === field)!;
        return { refusal: refused(danglingReference(field, referenceIn(row, field)!, kind)) };
      }
      default:
        return missing(description, row.id);
    }
  }

  function missing(description: Description, key: string): Outcome {
    const field = isUuid(key) ? 'id' : (description.endpointKey ?? 'id');
    return { refusal: refused(notFoundBy(field, key, description.fields)) };
  }

  async function insert(description: Description, body: Body): Promise<Outcome> {
    const refusal = writtenByFile(file, 'create', description.name);
    if (refusal !== undefined) return { refusal };
    const sent = read(description, body);
    const ready = await checked(draftInsert(description, sent, auto(description, sent)));
    if (ready.refusal !== undefined) return ready;
    return outcomeOf(description, ready.row, await store.insert(kindOf(description), ready.row));
  }

  async function change(description: Description, key: string, body: Body): Promise<Outcome> {
    const refusal = writtenByFile(file, 'update', description.name);
    if (refusal !== undefined) return { refusal };
    const kind = kindOf(description);
    for (let attempt = 1; ; attempt++) {
      const expected = await stored(description, key);
      if (expected === undefined) return missing(description, key);
      const draft = draftChange(description, read(description, body, expected), expected, clock.now());
      const ready = await checked(draft);
      if (ready.refusal !== undefined) return ready;
      const written = await store.replace(kind, ready.row, { expected });
      if (written.outcome !== 'changed') return outcomeOf(description, ready.row, written);
      if (attempt === attempts) return { refusal: contended };
    }
  }

  async function put(description: Description, key: string, body: Body): Promise<Outcome> {
    const refusal = writtenByFile(file, 'create or update', description.name);
    if (refusal !== undefined) return { refusal };
    const kind = kindOf(description);
    const byId = isUuid(key);
    for (let attempt = 1; ; attempt++) {
      const before = await stored(description, key);
      const named = byId ? { id: key.toLowerCase() } : { [description.endpointKey ?? 'id']: key };
      const sent = { ...read(description, body), ...named };
      const ready = await checked(draftReplace(description, sent, auto(description, sent), before));
      if (ready.refusal !== undefined) return ready;
      const { row } = ready;
      // A new row under a name must not replace another row that the body names by its id.
      const isNew = before === undefined && !byId;
      const written = isNew ? await store.insert(kind, row) : await store.replace(kind, row, { orInsert: true });
      const overtaken = isNew && written.outcome === 'taken' && attempt < attempts;
      if (overtaken && (await stored(description, key)) !== undefined) continue;
      return outcomeOf(description, row, written);
    }
  }

  async function remove(description: Description, key: string): Promise<AdminResponse | undefined> {
    const refusal = writtenByFile(file, 'remove', description.name);
    if (refusal !== undefined) return refusal;
    const found = await stored(description, key);
    if (found === undefined) return undefined;
    const obstacle = await hooks.get(description.name)?.beforeRemove?.(found);
    if (obstacle !== undefined) return refused(obstacle);
    const removed = await store.remove(kindOf(description), found.id);
    return removed.outcome === 'restricted' ? refused(stillReferenced(description.name, removed.by)) : undefined;
  }

  return { store, find, insert, change, put, remove };
}

/** A row with all fields of its description, also with those that did not exist when it was written. */
export function printed(description: Description, row: Entity): Entity {
  return presented(description, row as JsonObject) as Entity;
}

/** In Kong, `ttl` is an option and not a field; it is validated after the fields. */
function refusalOf({ fields }: Description, violations: Violations): RefusalBody {
  const { ttl, ...others } = violations;
  if (ttl === undefined || fields['ttl']?.implicit !== true) return schemaViolation(violations);
  return Object.keys(others).length > 0
    ? schemaViolation(others)
    : invalidOption('ttl', 'must be an integer between 0 and 100000000');
}

const contended = message(409, 'Others are changing this entity at the same time; nothing was written');

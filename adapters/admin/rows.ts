/**
 * Reading and writing rows by their descriptions: what was sent is drafted, references by name are looked up, everything
 * is judged, and the store has the last word. Each function gives the row or the refusal.
 */

import type { Announcements } from '../../src/ports/announcements.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityStore, Removed, Written } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
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
import { sharesNoProtocol } from './plugin-protocols.ts';
import { type AdminResponse, refused } from './response.ts';

export interface RowsOptions {
  /** Holds the rows of every entity, tokens included. */
  readonly store: EntityStore;
  readonly grants: Grants;
  readonly announcements: Announcements | undefined;
  readonly entities: ReadonlyMap<string, Description>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hashSecret: (secret: string) => Promise<string>;
  readonly file: ConfigurationFile | undefined;
}

export type Outcome = { readonly row: Entity; readonly refusal?: undefined } | { readonly refusal: AdminResponse };

export interface Rows {
  readonly store: EntityStore;
  describe(kind: string): Description | undefined;
  /** By id, or by the field that may stand for it. */
  find(description: Description, key: string): Promise<Entity | undefined>;
  insert(description: Description, body: Body): Promise<Outcome>;
  change(description: Description, key: string, body: Body): Promise<Outcome>;
  /** Puts a row in the place of the one that the key names, or where there is none. */
  put(description: Description, key: string, body: Body): Promise<Outcome>;
  /** `undefined`: it is gone, or never was there. */
  remove(description: Description, key: string): Promise<AdminResponse | undefined>;
}

/** How often a change is made anew because somebody else was quicker. */
const attempts = 10;

/** With more grants ended at once, forgetting everything is cheaper than naming them. */
const namedOneByOne = 100;

export function rows(options: RowsOptions): Rows {
  const { store, grants, announcements, entities, clock, entropy, hashSecret, file } = options;
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
  async function judged(draft: Draft): Promise<Outcome> {
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
    const violations = violationsOf(resolved, describe) ?? (await sharesNoProtocol(resolved, store, entities));
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

  async function settled(description: Description, row: Entity, written: Written): Promise<Outcome> {
    switch (written.outcome) {
      case 'written':
        await announcements?.publish(
          description.name === 'oauth2_tokens'
            ? { announces: 'grantChanged', grantId: row.id }
            : { announces: 'entityChanged', kind: description.name, id: row.id },
        );
        return { row };
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
        return { refusal: refused(danglingReference(field, (row[field] as { readonly id: string }).id, kind)) };
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
    const ready = await judged(draftInsert(description, sent, auto(description, sent)));
    if (ready.refusal !== undefined) return ready;
    return settled(description, ready.row, await store.insert(kindOf(description), ready.row));
  }

  async function change(description: Description, key: string, body: Body): Promise<Outcome> {
    const refusal = writtenByFile(file, 'update', description.name);
    if (refusal !== undefined) return { refusal };
    const kind = kindOf(description);
    for (let attempt = 1; ; attempt++) {
      const expected = await stored(description, key);
      if (expected === undefined) return missing(description, key);
      const draft = draftChange(description, read(description, body, expected), expected, clock.now());
      const ready = await judged(draft);
      if (ready.refusal !== undefined) return ready;
      const written = await store.replace(kind, ready.row, { expected });
      if (written.outcome !== 'changed') return settled(description, ready.row, written);
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
      const ready = await judged(draftReplace(description, sent, auto(description, sent), before));
      if (ready.refusal !== undefined) return ready;
      const { row } = ready;
      // A new row under a name must not take the place of another that the body names by its id.
      const isNew = before === undefined && !byId;
      const written = isNew ? await store.insert(kind, row) : await store.replace(kind, row, { orInsert: true });
      const overtaken = isNew && written.outcome === 'taken' && attempt < attempts;
      if (overtaken && (await stored(description, key)) !== undefined) continue;
      return settled(description, row, written);
    }
  }

  async function remove(description: Description, key: string): Promise<AdminResponse | undefined> {
    const refusal = writtenByFile(file, 'remove', description.name);
    if (refusal !== undefined) return refusal;
    const found = await stored(description, key);
    if (found === undefined) return undefined;
    const removed: Removed = await store.remove(kindOf(description), found.id);
    if (removed.outcome === 'restricted') return refused(stillReferenced(description.name, removed.by));
    if (removed.outcome === 'missing') return undefined;
    for (const { kind, row } of removed.rows) {
      const ended =
        kind === 'oauth2_credentials'
          ? await grants.removeOf({ credentialId: row.id })
          : kind === 'services'
            ? await grants.removeOf({ serviceId: row.id })
            : kind === 'oauth2_tokens'
              ? [row.id]
              : [];
      await announceRevoked(ended);
      if (kind !== 'oauth2_tokens') await announcements?.publish({ announces: 'entityChanged', kind, id: row.id });
    }
    return undefined;
  }

  async function announceRevoked(grantIds: readonly string[]): Promise<void> {
    if (grantIds.length > namedOneByOne) await announcements?.publish({ announces: 'everythingChanged' });
    else for (const grantId of grantIds) await announcements?.publish({ announces: 'grantChanged', grantId });
  }

  return { store, describe, find, insert, change, put, remove };
}

/** A row with all the fields that are known today, whatever was known when it was written. */
export function printed(description: Description, row: Entity): Entity {
  return presented(description, row as JsonObject) as Entity;
}

/** To Kong the time to live is no field but an option, which is looked at when the fields are fine. */
function refusalOf({ fields }: Description, violations: Violations): RefusalBody {
  const { ttl, ...others } = violations;
  if (ttl === undefined || fields['ttl']?.implicit !== true) return schemaViolation(violations);
  return Object.keys(others).length > 0
    ? schemaViolation(others)
    : invalidOption('ttl', 'must be an integer between 0 and 100000000');
}

const contended: AdminResponse = {
  status: 409,
  body: { message: 'Others are changing this entity at the same time; nothing was written' },
};

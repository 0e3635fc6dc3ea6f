import type { Entity } from './entity-store.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** What plugins look up by key while a request waits: credentials, groups. What is in memory is told at once. */
export interface PluginRecords {
  /** By its id or a unique field; a secret one is found by its digest. What is not there is looked for each time. */
  findBy(kind: string, field: string, value: string): MaybePromise<Entity | undefined>;
  /** All rows that refer to another one: `allOf('acls', 'consumer', id)`. */
  allOf(kind: string, reference: string, id: string): MaybePromise<readonly Entity[]>;
}

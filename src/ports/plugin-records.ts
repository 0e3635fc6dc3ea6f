import type { Entity } from './entity-store.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** Rows that plugins look up by key during a request: credentials, groups. What is in memory is returned without a promise. */
export interface PluginRecords {
  /** By its id or a unique field; secret fields are found by their digest. A key without a row is looked up each time. */
  findBy(kind: string, field: string, value: string): MaybePromise<Entity | undefined>;
  /** All rows that refer to another one: `allOf('acls', 'consumer', id)`. */
  allOf(kind: string, reference: string, id: string): MaybePromise<readonly Entity[]>;
}

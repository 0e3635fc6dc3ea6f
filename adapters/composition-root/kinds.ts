import type { Entities } from '../../src/entities/entities.ts';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import { kindOf } from '../../src/schema/kind.ts';

/** The kind that the entities of this gate have by this name. */
export const kindIn = (entities: Entities, name: string): EntityKind => kindOf(entities.get(name)!);

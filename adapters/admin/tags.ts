/** The tags of all entities: `/tags` and `/tags/{tags}`. */

import { eachPage } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { invalidUnique } from '../../src/schema/error-bodies.ts';
import { tag } from '../../src/schema/fields.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid, validateField } from '../../src/schema/validate.ts';
import type { Endpoint } from './endpoints.ts';
import { nextPage, readOffset, readSize } from './lists.ts';
import { type AdminResponse, ok, refused } from './response.ts';
import type { Rows } from './rows.ts';

interface Tagged {
  readonly entity_name: string;
  readonly entity_id: string;
  readonly tag: string;
}

/** Where a page begins: after which entity, and after how many tags of the next one. */
type Position = readonly [entity: string, id: string | null, tags: number];

export function tagEndpoints(rows: Rows, entities: ReadonlyMap<string, Description>): readonly Endpoint[] {
  const tagged = [...entities.values()].filter(({ fields }) => fields['tags'] !== undefined);

  async function list(path: string, query: URLSearchParams, wanted: string | undefined): Promise<AdminResponse> {
    const size = readSize(query);
    if (typeof size !== 'number') return refused(size);
    const offset = query.get('offset');
    const read = offset === null ? undefined : readOffset(offset, isPosition);
    if (read !== undefined && 'refusal' in read) return read.refusal;
    const [from, after, skipped] = read?.position ?? [tagged[0]?.name ?? '', null, 0];

    const data: Tagged[] = [];
    let skip = skipped;
    for (const description of tagged.slice(tagged.findIndex(({ name }) => name === from))) {
      let id = description.name === from ? after : null;
      let next: Position | undefined;
      const select = {
        size: 100,
        after: id ?? undefined,
        tags: wanted === undefined ? ('some' as const) : { all: [wanted] },
      };
      await eachPage(rows.store, kindOf(description), select, (page) => {
        for (const row of page) {
          const tags = wanted === undefined ? ((row['tags'] ?? []) as readonly string[]) : [wanted];
          for (const [place, tag] of tags.entries()) {
            if (place < skip) continue;
            if (data.length === size) {
              next = [description.name, id, place];
              return false;
            }
            data.push({ entity_name: description.name, entity_id: row.id, tag });
          }
          skip = 0;
          id = row.id;
        }
        return true;
      });
      if (next !== undefined) return ok({ data, ...nextPage(path, next, query) });
    }
    return ok({ data, next: null });
  }

  function isPosition(position: unknown): position is Position {
    if (!Array.isArray(position) || position.length !== 3) return false;
    const [entity, id, place] = position;
    return (
      tagged.some(({ name }) => name === entity) &&
      (id === null || (typeof id === 'string' && isUuid(id))) &&
      Number.isInteger(place)
    );
  }

  return [
    { path: '/tags', methods: { GET: ({ query }) => list('/tags', query, undefined) } },
    {
      path: '/tags/{tags}',
      methods: {
        GET({ keys, query }) {
          const [wanted] = keys;
          const wrong = validateField(tag, wanted!);
          if (wrong !== undefined) return refused(invalidUnique('tag', String(wrong)));
          return list(`/tags/${encodeURIComponent(wanted!)}`, query, wanted);
        },
      },
    },
  ];
}

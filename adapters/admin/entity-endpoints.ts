/**
 * The endpoints of every entity, derived from the descriptions: its collection, its rows, and for each reference the
 * nested ones on both sides (`/routes/{routes}/service`, `/services/{services}/routes/{routes}`).
 */

import { type Entity, referenceIn } from '../../src/ports/entity-store.ts';
import { allRows } from '../../src/records/pages.ts';
import { adminNameOf, adminNestedNameOf, type Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid } from '../../src/schema/validate.ts';
import type { Body } from './body.ts';
import type { AdminRequest, Endpoint } from './endpoints.ts';
import { nextPage, readListQuery } from './lists.ts';
import { created, methodNotAllowed, noContent, notFound, ok, responseTo } from './response.ts';
import { printed, type Rows } from './rows.ts';

export function entityEndpoints(rows: Rows, entities: ReadonlyMap<string, Description>): readonly Endpoint[] {
  return [...entities.values()].flatMap((description) => [
    collectionEndpoint(rows, description),
    rowEndpoint(rows, description),
    ...Object.entries(description.fields).flatMap(([field, rules]) => {
      const parent = rules.type === 'foreign' ? entities.get(rules.reference) : undefined;
      return parent === undefined
        ? []
        : [
            referenceEndpoint(rows, description, field, parent),
            nestedCollectionEndpoint(rows, description, field, parent),
            nestedRowEndpoint(rows, description, field, parent),
          ];
    }),
  ]);
}

function collectionEndpoint(rows: Rows, description: Description): Endpoint {
  const path = `/${adminNameOf(description)}`;
  return {
    path,
    methods: {
      async GET({ query }) {
        const read = readListQuery(description, query);
        if (read.refusal !== undefined) return read.refusal;
        const page = await rows.store.page(kindOf(description), read.query);
        return ok({ data: page.rows.map((row) => printed(description, row)), ...nextPage(path, page.next, query) });
      },
      POST: async ({ body }) => responseTo(await rows.insert(description, body), created),
    },
  };
}

function rowEndpoint(rows: Rows, description: Description): Endpoint {
  return {
    path: `/${adminNameOf(description)}/{${description.name}}`,
    methods: {
      async GET({ keys }) {
        const row = await rows.find(description, keys[0]!);
        return row === undefined ? notFound : ok(row);
      },
      PUT: async ({ keys, body }) => responseTo(await rows.put(description, keys[0]!, body), ok),
      async PATCH({ keys, body }) {
        // Kong looks the plugin up first, and its 404 has another body.
        if (description.name === 'plugins' && (await rows.find(description, keys[0]!)) === undefined) return notFound;
        return responseTo(await rows.change(description, keys[0]!, body));
      },
      DELETE: async ({ keys }) => (await rows.remove(description, keys[0]!)) ?? noContent,
    },
  };
}

/** The row that a reference points to: `/routes/{routes}/service`. */
function referenceEndpoint(rows: Rows, description: Description, field: string, parent: Description): Endpoint {
  const parentOf = async (key: string) => {
    const row = await rows.find(description, key);
    return { row, id: row === undefined ? undefined : referenceIn(row, field) };
  };
  return {
    path: `/${adminNameOf(description)}/{${description.name}}/${field}`,
    methods: {
      async GET({ keys }) {
        const { id } = await parentOf(keys[0]!);
        const found = id === undefined ? undefined : await rows.find(parent, id);
        return found === undefined ? notFound : ok(found);
      },
      async PUT({ keys, body }) {
        const { row, id } = await parentOf(keys[0]!);
        if (row === undefined) return notFound;
        if (id !== undefined) return responseTo(await rows.put(parent, id, body));
        const made = await rows.insert(parent, body);
        if (made.refusal !== undefined) return made.refusal;
        const sent = { [field]: { id: made.row.id } };
        const joined = await rows.change(description, row.id, { form: false, sent });
        return joined.refusal ?? ok(printed(parent, made.row));
      },
      async PATCH({ keys, body }) {
        const { id } = await parentOf(keys[0]!);
        return id === undefined ? notFound : responseTo(await rows.change(parent, id, body));
      },
      DELETE: async ({ keys }) => ((await parentOf(keys[0]!)).id === undefined ? notFound : methodNotAllowed),
    },
  };
}

function nestedCollectionEndpoint(rows: Rows, description: Description, field: string, parent: Description): Endpoint {
  const nested = adminNestedNameOf(description);
  return {
    path: `/${adminNameOf(parent)}/{${parent.name}}/${nested}`,
    methods: {
      async GET({ keys, query }) {
        const above = await rows.find(parent, keys[0]!);
        if (above === undefined) return notFound;
        const read = readListQuery(description, query);
        if (read.refusal !== undefined) return read.refusal;
        const where = { field: `${field}.id`, value: above.id };
        const page = await rows.store.page(kindOf(description), { ...read.query, where });
        const path = `/${adminNameOf(parent)}/${encodeURIComponent(keys[0]!)}/${nested}`;
        return ok({ data: page.rows.map((row) => printed(description, row)), ...nextPage(path, page.next) });
      },
      async POST({ keys, body }) {
        const above = await rows.find(parent, keys[0]!);
        if (above === undefined) return notFound;
        return responseTo(await rows.insert(description, under(body, field, above)), created);
      },
    },
  };
}

function nestedRowEndpoint(rows: Rows, description: Description, field: string, parent: Description): Endpoint {
  /** The row, if it is one of the parent's. */
  const both = async ({ keys }: AdminRequest) => {
    const above = await rows.find(parent, keys[0]!);
    const row = above === undefined ? undefined : await rowBelow(above, keys[1]!);
    return row !== undefined && referenceIn(row, field) === above!.id ? { above: above!, row } : undefined;
  };
  const { nestedKey } = description;
  const rowBelow = async (above: Entity, key: string): Promise<Entity | undefined> => {
    if (nestedKey === undefined || isUuid(key)) return rows.find(description, key);
    const where = { field: `${field}.id`, value: above.id };
    const found = (await allRows(rows.store, kindOf(description), { where })).find((row) => row[nestedKey] === key);
    return found === undefined ? undefined : printed(description, found);
  };
  return {
    path: `/${adminNameOf(parent)}/{${parent.name}}/${adminNestedNameOf(description)}/{${description.name}}`,
    methods: {
      async GET(request) {
        const found = await both(request);
        return found === undefined ? notFound : ok(found.row);
      },
      async PUT({ keys, body }) {
        const above = await rows.find(parent, keys[0]!);
        if (above === undefined) return notFound;
        const named = under(body, field, above);
        if (nestedKey === undefined || isUuid(keys[1]!))
          return responseTo(await rows.put(description, keys[1]!, named));
        const sent = { ...named, sent: { ...named.sent, [nestedKey]: keys[1]! } };
        const before = await rowBelow(above, keys[1]!);
        return responseTo(
          before === undefined ? await rows.insert(description, sent) : await rows.put(description, before.id, sent),
        );
      },
      async PATCH(request) {
        const found = await both(request);
        if (found === undefined) return notFound;
        const { body } = request;
        const sent = Object.hasOwn(body.sent, field) ? body : under(body, field, found.above);
        return responseTo(await rows.change(description, found.row.id, sent));
      },
      async DELETE(request) {
        const found = await both(request);
        return found === undefined ? notFound : ((await rows.remove(description, found.row.id)) ?? noContent);
      },
    },
  };
}

/** The parent in the path replaces the one in the body. */
function under(body: Body, field: string, parent: Entity): Body {
  return { ...body, sent: { ...body.sent, [field]: { id: parent.id } } };
}

/** The targets of an upstream. A path names one by its id or its address. */
import { targetWithPort } from '../../src/entities/targets.ts';
import { type Entity, referenceIn } from '../../src/ports/entity-store.ts';
import { allRows } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid } from '../../src/schema/validate.ts';
import type { Body } from './body.ts';
import type { AdminRequest, Endpoint } from './endpoints.ts';
import { nextPage, readListQuery } from './lists.ts';
import { noContent, notFound, ok, responseTo } from './response.ts';
import { printed, type Rows } from './rows.ts';

export function targetEndpoints(rows: Rows, entities: ReadonlyMap<string, Description>): readonly Endpoint[] {
  const upstreams = entities.get('upstreams')!;
  const targets = entities.get('targets')!;

  async function targetsOf(upstream: Entity): Promise<readonly Entity[]> {
    const where = { field: 'upstream.id', value: upstream.id };
    return (await allRows(rows.store, kindOf(targets), { where })).map((row) => printed(targets, row));
  }

  async function both({ keys }: AdminRequest) {
    const upstream = await rows.find(upstreams, keys[0]!);
    if (upstream === undefined) return undefined;
    return { upstream, target: await targetIn(upstream, keys[1]!) };
  }

  async function targetIn(upstream: Entity, key: string): Promise<Entity | undefined> {
    if (isUuid(key)) {
      const row = await rows.find(targets, key);
      return row !== undefined && referenceIn(row, 'upstream') === upstream.id ? row : undefined;
    }
    const address = targetWithPort(key);
    return (await targetsOf(upstream)).find((row) => row['target'] === address);
  }

  const under = (body: Body, upstream: Entity): Body => ({
    ...body,
    sent: { ...body.sent, upstream: { id: upstream.id } },
  });

  const target = '/upstreams/{upstreams}/targets/{targets}';
  return [
    {
      path: '/upstreams/{upstreams}/targets/all',
      methods: {
        async GET({ keys, query }) {
          const upstream = await rows.find(upstreams, keys[0]!);
          if (upstream === undefined) return notFound;
          const read = readListQuery(targets, query);
          if (read.refusal !== undefined) return read.refusal;
          const where = { field: 'upstream.id', value: upstream.id };
          const page = await rows.store.page(kindOf(targets), { ...read.query, where });
          const path = `/upstreams/${encodeURIComponent(keys[0]!)}/targets/all`;
          return ok({ data: page.rows.map((row) => printed(targets, row)), ...nextPage(path, page.next) });
        },
      },
    },
    {
      path: target,
      methods: {
        async GET(request) {
          const found = await both(request);
          return found?.target === undefined ? notFound : ok(found.target);
        },
        async PUT(request) {
          const found = await both(request);
          if (found === undefined) return notFound;
          const { upstream, target: there } = found;
          const [, key] = request.keys as [string, string];
          const body = under(request.body, upstream);
          // Unlike other PUTs, it changes only the fields that the body has (Kong).
          if (there !== undefined) return responseTo(await rows.change(targets, there.id, body));
          if (isUuid(key)) return responseTo(await rows.put(targets, key, body));
          return responseTo(await rows.insert(targets, { ...body, sent: { ...body.sent, target: key } }));
        },
        async PATCH(request) {
          const found = await both(request);
          if (found?.target === undefined) return notFound;
          return responseTo(await rows.change(targets, found.target.id, request.body));
        },
        async DELETE(request) {
          const found = await both(request);
          if (found?.target === undefined) return notFound;
          return (await rows.remove(targets, found.target.id)) ?? noContent;
        },
      },
    },
  ];
}

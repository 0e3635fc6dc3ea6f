/** The targets of an upstream: each is known by its address as well as by its id, and `/targets/all` has no pages (Kong). */
import { targetWithPort } from '../../src/entities/targets.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid } from '../../src/schema/validate.ts';
import type { Body } from './body.ts';
import type { AdminRequest, Endpoint } from './endpoints.ts';
import { type AdminResponse, noContent, notFound, ok } from './response.ts';
import { type Outcome, printed, type Rows } from './rows.ts';

export function targetEndpoints(rows: Rows, entities: ReadonlyMap<string, Description>): readonly Endpoint[] {
  const upstreams = entities.get('upstreams');
  const targets = entities.get('targets');
  if (upstreams === undefined || targets === undefined) return [];

  async function targetsOf(upstream: Entity): Promise<readonly Entity[]> {
    const all: Entity[] = [];
    let after: string | undefined;
    do {
      const where = { field: 'upstream.id', value: upstream.id };
      const page = await rows.store.page(kindOf(targets!), { size: 1000, after, where });
      all.push(...page.rows.map((row) => printed(targets!, row)));
      after = page.next;
    } while (after !== undefined);
    return all;
  }

  async function both({ keys }: AdminRequest) {
    const upstream = await rows.find(upstreams!, keys[0]!);
    if (upstream === undefined) return undefined;
    return { upstream, target: await targetIn(upstream, keys[1]!) };
  }

  async function targetIn(upstream: Entity, key: string): Promise<Entity | undefined> {
    if (isUuid(key)) {
      const row = await rows.find(targets!, key);
      return row !== undefined && (row['upstream'] as { readonly id: string }).id === upstream.id ? row : undefined;
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
        async GET({ keys }) {
          const upstream = await rows.find(upstreams, keys[0]!);
          return upstream === undefined ? notFound : ok({ data: await targetsOf(upstream), next: null });
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
          if (there !== undefined) return responseTo(await rows.put(targets, there.id, named(body, there, key)), ok);
          if (isUuid(key)) return responseTo(await rows.put(targets, key, body), ok);
          return responseTo(await rows.insert(targets, { ...body, sent: { ...body.sent, target: key } }), ok);
        },
        async PATCH(request) {
          const found = await both(request);
          if (found?.target === undefined) return notFound;
          return responseTo(await rows.change(targets, found.target.id, request.body), ok);
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

/** The address in the path outranks the one in the body. */
function named(body: Body, target: Entity, key: string): Body {
  return isUuid(key) ? body : { ...body, sent: { ...body.sent, target: target['target']! } };
}

function responseTo(outcome: Outcome, done: (row: Entity) => AdminResponse): AdminResponse {
  return outcome.refusal ?? done(outcome.row);
}

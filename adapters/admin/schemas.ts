/** The schemas of entities and plugins, and validation against them: `/schemas/…`. */
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { tokensNeeded } from '../../src/schema/complete.ts';
import { type Description, shapeFor } from '../../src/schema/description.ts';
import { draftInsert, violationsOf } from '../../src/schema/draft.ts';
import { schemaViolation } from '../../src/schema/error-bodies.ts';
import { coerced } from '../../src/schema/form.ts';
import { printedSchema, type SchemaExtent } from '../../src/schema/printing.ts';
import type { Body } from './body.ts';
import type { Endpoint } from './endpoints.ts';
import { type AdminResponse, message, ok, refused } from './response.ts';

export function schemaEndpoints(
  entities: ReadonlyMap<string, Description>,
  plugins: PluginDescriptions,
  clock: Clock,
  entropy: Entropy,
): readonly Endpoint[] {
  function validated(name: string, { form, sent }: Body): AdminResponse {
    const description = entities.get(name);
    if (description === undefined) return noEntity(name);
    // As in Kong, a single value of a form is not a list here.
    const input = form ? coerced(description, sent, (kind) => entities.get(kind), 'scalars') : sent;
    const tokens = Array.from({ length: tokensNeeded(description, input) }, () => entropy.token());
    const draft = draftInsert(description, input, { now: clock.now(), uuid: entropy.uuid(), tokens });
    const violations = violationsOf(draft, (kind) => entities.get(kind));
    return violations === undefined
      ? ok({ message: 'schema validation successful' })
      : refused(schemaViolation(violations));
  }

  function ofPlugin(name: string, query: URLSearchParams, only?: 'config'): AdminResponse {
    const plugin = plugins.get(name);
    if (plugin === undefined) return message(404, `No plugin named '${name}'`);
    const config = plugin.fields['config'];
    return only === 'config' && config?.type === 'record'
      ? ok(printedSchema(config.fields, config.entity_checks, extentOf(query)))
      : ok(printedSchema(plugin.fields, plugin.entity_checks, extentOf(query)));
  }

  return [
    {
      path: '/schemas/{name}',
      methods: {
        GET({ keys, query }) {
          const description = entities.get(keys[0]!);
          if (description === undefined) return noEntity(keys[0]!);
          const { fields, checks } = shapeFor(description, {});
          return ok(printedSchema(fields, checks.flat(), extentOf(query)));
        },
      },
    },
    { path: '/schemas/plugins/validate', methods: { POST: ({ body }) => validated('plugins', body) } },
    { path: '/schemas/plugins/{name}', methods: { GET: ({ keys, query }) => ofPlugin(keys[0]!, query) } },
    { path: '/schemas/{name}/validate', methods: { POST: ({ keys, body }) => validated(keys[0]!, body) } },
    { path: '/plugins/schema/{name}', methods: { GET: ({ keys, query }) => ofPlugin(keys[0]!, query, 'config') } },
  ];
}

/** With `?all=true` also what Kong does not have; without it Kong's clients must not see that. */
function extentOf(query: URLSearchParams): SchemaExtent {
  return query.get('all') === 'true' ? 'all' : "Kong's";
}

function noEntity(name: string): AdminResponse {
  return message(404, `No entity named '${name}'`);
}

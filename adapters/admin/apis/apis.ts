/**
 * The Admin API of Kong before 0.13, as far as tutorials print it: `/apis`, told onto services and routes. An API is a
 * service with the tag `apis`, a route for its `request_host` and one for its `request_path` (either was enough to be
 * matched). A token that one of them issued was good for all of them; so the plugins made here share a token group, which
 * one made on `/services` never joins. Everything is done by calls of today's API; leave this folder out, and nothing
 * else changes.
 */
import type { JsonObject } from '../../../src/schema/description.ts';
import type { AdminRequest, Endpoint, Method } from '../endpoints.ts';
import { type AdminResponse, badRequest, created, methodNotAllowed, noContent, notFound, ok } from '../response.ts';

/** Answers a call of today's API. */
export type Call = (method: Method, path: string, sent?: JsonObject, form?: boolean) => Promise<AdminResponse>;

const group = 'apis';
const fields = ['name', 'upstream_url', 'request_host', 'request_path', 'strip_request_path', 'preserve_host'];

export function apiEndpoints(call: Call): readonly Endpoint[] {
  const one = async (key: string): Promise<Api | undefined> => {
    const service = await call('GET', `/services/${encodeURIComponent(key)}`);
    if (service.status !== 200) return undefined;
    const row = service.body as JsonObject;
    if (!Array.isArray(row['tags']) || !row['tags'].includes(group)) return undefined;
    const routes = await call('GET', `/services/${row['id']}/routes`);
    return { service: row, routes: (routes.body as { readonly data: readonly JsonObject[] }).data };
  };
  const found =
    (f: (api: Api, request: AdminRequest) => AdminResponse | Promise<AdminResponse>) =>
    async (request: AdminRequest) => {
      const api = await one(request.keys[0]!);
      return api === undefined ? notFound : f(api, request);
    };

  const plugins = (api: Api): string => `/services/${api.service['id']}/plugins`;
  return [
    {
      path: '/apis',
      methods: {
        async GET() {
          const services = await call('GET', `/services?size=1000&tags=${group}`);
          const rows = (services.body as { readonly data: readonly JsonObject[] }).data;
          const apis = await Promise.all(rows.map(({ id }) => one(String(id))));
          const data = apis.filter((api) => api !== undefined).map(printed);
          return ok({ data, total: data.length });
        },
        POST: ({ body }) => make(call, one, body.sent),
      },
    },
    {
      path: '/apis/{apis}',
      methods: {
        GET: found((api) => ok(printed(api))),
        DELETE: found(async (api) => {
          await remove(call, api);
          return noContent;
        }),
        PATCH: found((api, { body }) => change(call, one, api, body.sent)),
        PUT: () => methodNotAllowed,
      },
    },
    {
      path: '/apis/{apis}/plugins',
      methods: {
        GET: found(async (api) => {
          const { data } = (await call('GET', plugins(api))).body as { readonly data: readonly JsonObject[] };
          return ok({ data: data.map((row) => printedPlugin(api, row)), total: data.length });
        }),
        POST: found(async (api, { body }) => {
          const response = await call('POST', plugins(api), pluginOf(body.sent, body.form), body.form);
          return response.status === 201 ? created(printedPlugin(api, response.body as JsonObject)) : response;
        }),
      },
    },
    {
      path: '/apis/{apis}/plugins/{plugins}',
      methods: {
        GET: found(async (api, { keys }) =>
          ofApi(api, await call('GET', `${plugins(api)}/${encodeURIComponent(keys[1]!)}`)),
        ),
        PATCH: found(async (api, { keys, body }) =>
          ofApi(api, await call('PATCH', `${plugins(api)}/${encodeURIComponent(keys[1]!)}`, body.sent, body.form)),
        ),
        DELETE: found((api, { keys }) => call('DELETE', `${plugins(api)}/${encodeURIComponent(keys[1]!)}`)),
      },
    },
  ];
}

interface Api {
  readonly service: JsonObject;
  readonly routes: readonly JsonObject[];
}

async function make(
  call: Call,
  one: (key: string) => Promise<Api | undefined>,
  sent: JsonObject,
): Promise<AdminResponse> {
  const unknown = Object.keys(sent).find((field) => !fields.includes(field));
  if (unknown !== undefined) return badRequest(`${unknown}: unknown field`);
  if (!isText(sent['upstream_url'])) return badRequest('upstream_url: is required, a URL');
  if (!isText(sent['request_host']) && !isText(sent['request_path'])) {
    return badRequest('request_host or request_path: one of them is required');
  }
  const service = await call('POST', '/services', {
    ...(isText(sent['name']) ? { name: sent['name'] } : {}),
    url: sent['upstream_url'],
    tags: [group],
  });
  if (service.status !== 201) return service;
  const id = String((service.body as JsonObject)['id']);
  for (const route of routesOf(sent)) {
    const response = await call('POST', `/services/${id}/routes`, route);
    if (response.status !== 201) {
      const half = await one(id);
      if (half !== undefined) await remove(call, half);
      return response;
    }
  }
  return created(printed((await one(id))!));
}

/** Made anew from what it was and what is sent; the new one is there before the old routes go. */
async function change(
  call: Call,
  one: (key: string) => Promise<Api | undefined>,
  api: Api,
  sent: JsonObject,
): Promise<AdminResponse> {
  const unknown = Object.keys(sent).find((field) => !fields.includes(field));
  if (unknown !== undefined) return badRequest(`${unknown}: unknown field`);
  const next: JsonObject = { ...printed(api), ...sent };
  if (!isText(next['request_host']) && !isText(next['request_path'])) {
    return badRequest('request_host or request_path: one of them is required');
  }
  const service = await call('PATCH', `/services/${api.service['id']}`, {
    ...(isText(next['name']) ? { name: next['name'] } : {}),
    url: next['upstream_url']!,
  });
  if (service.status !== 200) return service;
  const made: string[] = [];
  for (const route of routesOf(next)) {
    const response = await call('POST', `/services/${api.service['id']}/routes`, route);
    if (response.status !== 201) {
      for (const id of made) await call('DELETE', `/routes/${id}`);
      return response;
    }
    made.push(String((response.body as JsonObject)['id']));
  }
  for (const route of api.routes) await call('DELETE', `/routes/${route['id']}`);
  return ok(printed((await one(String(api.service['id'])))!));
}

async function remove(call: Call, api: Api): Promise<void> {
  for (const route of api.routes) await call('DELETE', `/routes/${route['id']}`);
  await call('DELETE', `/services/${api.service['id']}`);
}

function routesOf(api: JsonObject): readonly JsonObject[] {
  const common = { preserve_host: isTrue(api['preserve_host']) };
  const strip_path = isTrue(api['strip_request_path']);
  return [
    ...(isText(api['request_host']) ? [{ ...common, hosts: [api['request_host']], strip_path: false }] : []),
    ...(isText(api['request_path']) ? [{ ...common, paths: [api['request_path']], strip_path }] : []),
  ];
}

/** In the words of then; times in milliseconds. */
function printed({ service, routes }: Api): JsonObject {
  const host = routes.find((route) => Array.isArray(route['hosts']));
  const path = routes.find((route) => Array.isArray(route['paths']));
  const base = typeof service['path'] === 'string' ? service['path'] : '';
  const usual = service['port'] === (service['protocol'] === 'https' ? 443 : 80);
  return {
    upstream_url: `${service['protocol']}://${service['host']}${usual ? '' : `:${service['port']}`}${base}`,
    strip_request_path: path?.['strip_path'] === true,
    ...(path === undefined ? {} : { request_path: (path['paths'] as readonly string[])[0]! }),
    id: service['id']!,
    created_at: Number(service['created_at']) * 1000,
    preserve_host: (host ?? path)?.['preserve_host'] === true,
    name: service['name']!,
    ...(host === undefined ? {} : { request_host: (host['hosts'] as readonly string[])[0]! }),
  };
}

/** What was asked of a plugin of then: codes were issued unless it said otherwise. */
function pluginOf(sent: JsonObject, form: boolean): JsonObject {
  if (sent['name'] !== 'oauth2') return sent;
  const config = (sent['config'] ?? {}) as JsonObject;
  const given = (value: boolean): string | boolean => (form ? String(value) : value);
  return {
    ...sent,
    config: {
      ...('enable_authorization_code' in config ? {} : { enable_authorization_code: given(true) }),
      ...config,
      token_group: group,
    },
  };
}

function ofApi(api: Api, response: AdminResponse): AdminResponse {
  return response.status === 200 ? ok(printedPlugin(api, response.body as JsonObject)) : response;
}

function printedPlugin({ service }: Api, row: JsonObject): JsonObject {
  const { token_group: _, ...config } = row['config'] as JsonObject;
  return {
    api_id: service['id']!,
    id: row['id']!,
    created_at: Number(row['created_at']) * 1000,
    enabled: row['enabled']!,
    name: row['name']!,
    config,
  };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTrue = (value: unknown): boolean => value === true || value === 'true';

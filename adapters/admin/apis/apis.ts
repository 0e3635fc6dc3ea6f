/**
 * The Admin API of Kong before 0.13, as far as tutorials print it: `/apis`, on top of services and routes. An API is a
 * service with the tag `apis`, a route for its `request_host` and one for its `request_path` (a request had to match
 * either). A token that one API issued was valid at all of them; so the plugins created here share a token group, which
 * a plugin created on `/services` never joins. Everything is done by calls of today's API: without this folder, nothing
 * else changes.
 */
import type { JsonObject } from '../../../src/schema/description.ts';
import type { AdminRequest, Endpoint, Method } from '../endpoints.ts';
import { type AdminResponse, badRequest, created, methodNotAllowed, noContent, notFound, ok } from '../response.ts';

/** Calls an endpoint of today's API, by its path as in `/endpoints`. */
export type Call = (method: Method, path: string, request: CallRequest) => Promise<AdminResponse>;

export interface CallRequest {
  readonly keys: readonly string[];
  readonly query?: string;
  readonly sent?: JsonObject;
  /** Whether `sent` comes from a form. */
  readonly form?: boolean;
}

const oneService = '/services/{services}';
const routesOfService = '/services/{services}/routes';
const oneRoute = '/routes/{routes}';
const allPlugins = '/services/{services}/plugins';
const onePlugin = '/services/{services}/plugins/{plugins}';

const group = 'apis';
const fields = ['name', 'upstream_url', 'request_host', 'request_path', 'strip_request_path', 'preserve_host'];

export function apiEndpoints(call: Call): readonly Endpoint[] {
  const one = async (key: string): Promise<Api | undefined> => {
    const service = await call('GET', oneService, { keys: [key] });
    if (service.status !== 200) return undefined;
    const row = service.body as JsonObject;
    if (!Array.isArray(row['tags']) || !row['tags'].includes(group)) return undefined;
    const routes = await call('GET', routesOfService, { keys: [String(row['id'])] });
    return { service: row, routes: (routes.body as { readonly data: readonly JsonObject[] }).data };
  };
  const found =
    (f: (api: Api, request: AdminRequest) => AdminResponse | Promise<AdminResponse>) =>
    async (request: AdminRequest) => {
      const api = await one(request.keys[0]!);
      return api === undefined ? notFound : f(api, request);
    };

  return [
    {
      path: '/apis',
      methods: {
        async GET() {
          const data: JsonObject[] = [];
          let after = '';
          for (;;) {
            const page = await call('GET', '/services', { keys: [], query: `size=1000&tags=${group}${after}` });
            const rows = page.body as { readonly data: readonly JsonObject[]; readonly offset?: string };
            const apis = await Promise.all(rows.data.map(({ id }) => one(String(id))));
            for (const api of apis) if (api !== undefined) data.push(printed(api));
            if (rows.offset === undefined) return ok({ data, total: data.length });
            after = `&offset=${encodeURIComponent(rows.offset)}`;
          }
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
          const response = await call('GET', allPlugins, { keys: [idOf(api)] });
          const { data } = response.body as { readonly data: readonly JsonObject[] };
          return ok({ data: data.map((row) => printedPlugin(api, row)), total: data.length });
        }),
        POST: found(async (api, { body }) => {
          const sent = pluginOf(body.sent, body.form);
          const response = await call('POST', allPlugins, { keys: [idOf(api)], sent, form: body.form });
          return response.status === 201 ? created(printedPlugin(api, response.body as JsonObject)) : response;
        }),
      },
    },
    {
      path: '/apis/{apis}/plugins/{plugins}',
      methods: {
        GET: found(async (api, { keys }) => ofApi(api, await call('GET', onePlugin, { keys: [idOf(api), keys[1]!] }))),
        PATCH: found(async (api, { keys, body }) =>
          ofApi(api, await call('PATCH', onePlugin, { keys: [idOf(api), keys[1]!], ...body })),
        ),
        DELETE: found((api, { keys }) => call('DELETE', onePlugin, { keys: [idOf(api), keys[1]!] })),
      },
    },
  ];
}

interface Api {
  readonly service: JsonObject;
  readonly routes: readonly JsonObject[];
}

function idOf({ service }: Api): string {
  return String(service['id']);
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
    keys: [],
    sent: { ...(isText(sent['name']) ? { name: sent['name'] } : {}), url: sent['upstream_url'], tags: [group] },
  });
  if (service.status !== 201) return service;
  const id = String((service.body as JsonObject)['id']);
  for (const route of routesOf(sent)) {
    const response = await call('POST', routesOfService, { keys: [id], sent: route });
    if (response.status !== 201) {
      const half = await one(id);
      if (half !== undefined) await remove(call, half);
      return response;
    }
  }
  return created(printed((await one(id))!));
}

/** Merges the change into the API. The new routes are created before the old ones are deleted. */
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
  const service = await call('PATCH', oneService, {
    keys: [idOf(api)],
    sent: { ...(isText(next['name']) ? { name: next['name'] } : {}), url: next['upstream_url']! },
  });
  if (service.status !== 200) return service;
  const made: string[] = [];
  for (const route of routesOf(next)) {
    const response = await call('POST', routesOfService, { keys: [idOf(api)], sent: route });
    if (response.status !== 201) {
      for (const id of made) await call('DELETE', oneRoute, { keys: [id] });
      return response;
    }
    made.push(String((response.body as JsonObject)['id']));
  }
  for (const route of api.routes) await call('DELETE', oneRoute, { keys: [String(route['id'])] });
  return ok(printed((await one(idOf(api)))!));
}

async function remove(call: Call, api: Api): Promise<void> {
  for (const route of api.routes) await call('DELETE', oneRoute, { keys: [String(route['id'])] });
  await call('DELETE', oneService, { keys: [idOf(api)] });
}

function routesOf(api: JsonObject): readonly JsonObject[] {
  const common = { preserve_host: isTrue(api['preserve_host']) };
  const strip_path = isTrue(api['strip_request_path']);
  return [
    ...(isText(api['request_host']) ? [{ ...common, hosts: [api['request_host']], strip_path: false }] : []),
    ...(isText(api['request_path']) ? [{ ...common, paths: [api['request_path']], strip_path }] : []),
  ];
}

/** An API as that version printed it; times in milliseconds. */
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

/** The settings of a plugin of that version: it issued authorization codes unless they were switched off. */
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

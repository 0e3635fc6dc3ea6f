/** The endpoints: which path has which methods. Paths are written as Kong's `/endpoints` writes them. */
import type { Body } from './body.ts';
import type { AdminResponse } from './response.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface AdminRequest {
  /** The values of the keys `{…}` of the path, decoded, from left to right. */
  readonly keys: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Body;
}

export type Handler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export interface Endpoint {
  /** `/services/{services}/routes` */
  readonly path: string;
  /** Accepts YAML and plain text as well. */
  readonly readsText?: true;
  readonly methods: { readonly [method in Method]?: Handler };
}

export function methodsOf({ methods }: Endpoint): readonly (readonly [Method, Handler])[] {
  return Object.entries(methods) as [Method, Handler][];
}

/** The names of the keys in a path, from left to right. */
export function keyNames(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}

/** `/services/:services/routes`, as @koa/router writes it. */
export function routePath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

/** As in Kong's Allow header: HEAD goes with GET, and every endpoint has OPTIONS. */
export function allowedMethods({ methods }: Endpoint): string {
  const allowed = [...Object.keys(methods), ...(methods.GET === undefined ? [] : ['HEAD']), 'OPTIONS'];
  return allowed.sort().join(', ');
}

/** Sorted by segments: a path comes before those below it. */
export function sortedPaths(endpoints: readonly Endpoint[]): readonly string[] {
  const key = (path: string): string => path.replaceAll('/', '\0');
  return [...new Set(endpoints.map(({ path }) => path))].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

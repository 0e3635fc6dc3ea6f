/** The table of endpoints: which path has which methods. Paths are spelt as Kong's `/endpoints` spells them. */
import type { Body } from './body.ts';
import type { AdminResponse } from './response.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface AdminRequest {
  /** What stands in the place of `{…}`, decoded, from left to right. */
  readonly keys: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Body;
}

export type Handler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export interface Endpoint {
  /** `/services/{services}/routes` */
  readonly path: string;
  /** Takes YAML and other text as it is, too. */
  readonly readsText?: true;
  readonly methods: { readonly [method in Method]?: Handler };
}

export interface FoundEndpoint {
  readonly endpoint: Endpoint;
  readonly keys: readonly string[];
}

/** Finds the endpoint of a path; where two would do, the one with the word in the place of the other's key. */
export function finder(endpoints: readonly Endpoint[]): (path: string) => FoundEndpoint | undefined {
  const table = endpoints
    .map((endpoint) => ({ endpoint, segments: segmentsOf(endpoint.path) }))
    .sort((one, other) => rank(one.segments).localeCompare(rank(other.segments)));
  return (path) => {
    // One slash at the end is let pass; an empty segment is a segment.
    const segments = segmentsOf(path.length > 1 ? path.replace(/\/$/, '') : path).map(decoded);
    for (const { endpoint, segments: wanted } of table) {
      if (wanted.length === segments.length && wanted.every((word, i) => isKey(word) || word === segments[i])) {
        const keys = segments.filter((_, i) => isKey(wanted[i]!));
        return keys.includes('') ? undefined : { endpoint, keys };
      }
    }
    return undefined;
  };
}

/** As in Kong's Allow header: HEAD goes with GET, and every endpoint answers OPTIONS. */
export function allowedMethods({ methods }: Endpoint): string {
  const allowed = [...Object.keys(methods), ...(methods.GET === undefined ? [] : ['HEAD']), 'OPTIONS'];
  return allowed.sort().join(', ');
}

/** Sorted by segments: a path stands before those below it. */
export function sortedPaths(endpoints: readonly Endpoint[]): readonly string[] {
  const key = (path: string): string => path.replaceAll('/', '\0');
  return endpoints.map(({ path }) => path).sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

function segmentsOf(path: string): readonly string[] {
  return path === '/' ? [] : path.slice(1).split('/');
}

function isKey(word: string): boolean {
  return word.startsWith('{');
}

function rank(segments: readonly string[]): string {
  return segments.map((word) => (isKey(word) ? '1' : '0')).join('');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

import { fitsHostPattern, type HostPattern, hostPattern, normalHostName, parseHostAndPort } from '../address/host.ts';
import { octets, textOf } from './path.ts';
import type { LinearRegex } from './regex/linear-regex.ts';
import { headerPattern, isRegexPath, pathRegex } from './route-pattern.ts';

/**
 * The conditions of a route, compiled from Kong's fields. If the paths of a route differ in kind or length, Kong's router
 * treats it as several routes: one for each length and one for the regexes, each with its own rank.
 */
export interface Criteria {
  readonly rank: Rank;
  readonly methods: ReadonlySet<string> | undefined;
  readonly hosts: readonly HostPattern[] | undefined;
  readonly headers: readonly HeaderCriterion[] | undefined;
  readonly snis: readonly HostPattern[] | undefined;
  /** At most one of `prefixes` (octets, all of one length) and `regexes` is not empty. */
  readonly prefixes: readonly string[];
  readonly regexes: readonly LinearRegex[];
}

/** The higher rank is tried first; of equal ranks, the one of the larger route id. */
export type Rank = bigint;

export interface HeaderCriterion {
  readonly name: string;
  /** One of them must match one of the header's values. */
  readonly patterns: readonly ((lowerCase: string) => boolean)[];
}

/** The fields of a route that the router reads, as in the Admin API; null where the operator set nothing. */
export interface RouteFields {
  readonly methods: readonly string[] | null;
  readonly hosts: readonly string[] | null;
  readonly paths: readonly string[] | null;
  readonly headers: Readonly<Record<string, readonly string[]>> | null;
  readonly snis: readonly string[] | null;
  readonly regexPriority: number;
}

export function criteriaOf(route: RouteFields): Criteria[] {
  const headers = Object.entries(route.headers ?? {});
  const shared = {
    methods: isEmpty(route.methods) ? undefined : new Set(route.methods),
    hosts: isEmpty(route.hosts) ? undefined : route.hosts.map(hostPattern),
    headers:
      headers.length === 0
        ? undefined
        : headers.map(([name, values]) => ({ name: name.toLowerCase(), patterns: values.map(headerPattern) })),
    snis: isEmpty(route.snis) ? undefined : route.snis.map(hostPattern),
  };
  const paths = isEmpty(route.paths) ? [] : route.paths;
  if (paths.length === 0) return [{ ...shared, rank: rankOf(route, undefined), prefixes: [], regexes: [] }];
  const regexes = paths.filter(isRegexPath);
  const prefixes = Map.groupBy(paths.filter((path) => !isRegexPath(path)).map(octets), (prefix) => prefix.length);
  return [
    ...(regexes.length === 0
      ? []
      : [{ ...shared, rank: rankOf(route, 'regex'), prefixes: [], regexes: regexes.map(pathRegex) }]),
    ...[...prefixes].map(([length, same]) => ({
      ...shared,
      rank: rankOf(route, length),
      prefixes: [...new Set(same)],
      regexes: [],
    })),
  ];
}

/** The part of a request that criteria read; `ProxiedRequest` has it. */
export interface RoutedRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The server name of the TLS handshake, if any. */
  readonly sni: string | undefined;
  /** The port of the listener that accepted the request. */
  readonly localPort: number;
  /** The value of a header field by its name in lower case. */
  header(name: string): string | undefined;
  headerValues(name: string): readonly string[];
}

/** The groups of a path's regex: by number (0 is the whole match) and, where they have one, by name. */
export interface PathCaptures {
  readonly numbered: readonly (string | undefined)[];
  readonly named: ReadonlyMap<string, string>;
}

/** A request as criteria see it. Made once for each request, without what only few routes need. */
export interface RoutingInput {
  readonly request: RoutedRequest;
  /** Normalised, as octets. */
  readonly path: string;
  /** In normal form; empty if the request names none, or none that can be read. */
  readonly host: string;
  readonly port: number | undefined;
}

export function routingInput(request: RoutedRequest, path: string): RoutingInput {
  // "The scheme and host are case-insensitive and normally provided in lowercase" (RFC 9110 §4.2.3)
  const asked = parseHostAndPort(request.header('host') ?? '');
  return { request, path, host: asked?.host ?? '', port: asked?.port };
}

/** Whether all criteria but those of the path match. */
export function fitsBesidesPath(criteria: Criteria, subject: RoutingInput): boolean {
  const { request } = subject;
  if (criteria.methods !== undefined && !criteria.methods.has(request.method)) return false;
  if (criteria.hosts !== undefined && !criteria.hosts.some((pattern) => fitsHost(pattern, subject))) return false;
  // Without TLS a request has no server name, and this criterion does not count (Kong #6425).
  if (criteria.snis !== undefined && request.scheme === 'https') {
    const sni = normalHostName(request.sni ?? '');
    if (!criteria.snis.some((pattern) => fitsHostPattern(pattern, sni))) return false;
  }
  return criteria.headers === undefined || criteria.headers.every((criterion) => fitsHeader(criterion, request));
}

/** How many octets of a matching path the prefix or regex covers; 0 without paths. */
export function takenOfPath({ prefixes, regexes }: Criteria, path: string): number {
  if (regexes.length === 1 && regexes[0]!.takesWholeText) return path.length;
  if (regexes.length > 0) {
    const text = textOf(path) ?? '';
    for (const regex of regexes) {
      const found = regex.find(text);
      if (found !== undefined) return octets(found).length;
    }
  }
  return prefixes.find((prefix) => path.startsWith(prefix))?.length ?? 0;
}

/** Whether the path matches. Cheaper than `takenOfPath`. */
export function fitsPath({ prefixes, regexes }: Criteria, path: string): boolean {
  if (regexes.length > 0) {
    const text = textOf(path);
    return text !== undefined && regexes.some((regex) => regex.test(text));
  }
  return prefixes.length === 0 || prefixes.some((prefix) => path.startsWith(prefix));
}

function fitsHost(pattern: HostPattern, { host, port, request }: RoutingInput): boolean {
  const isPort = pattern.port === undefined || pattern.port === port || pattern.port === request.localPort;
  return isPort && fitsHostPattern(pattern, host);
}

function fitsHeader({ name, patterns }: HeaderCriterion, request: RoutedRequest): boolean {
  for (const value of request.headerValues(name)) {
    const lowerCase = value.toLowerCase();
    if (patterns.some((fits) => fits(lowerCase))) return true;
  }
  return false;
}

/**
 * Kong's rank is a 64-bit number. Only two bits are set in 64 bits: "all hosts are plain" and "paths are regexes". The other
 * parts (number of criteria, number of headers, regex_priority, length of the path) are shifted as 32-bit numbers, overlap,
 * and are sign-extended: four criteria outrank everything (routing/priority, routing/match:20).
 */
function rankOf(route: RouteFields, path: 'regex' | number | undefined): Rank {
  const headers = Object.keys(route.headers ?? {}).length;
  const criteria =
    (isEmpty(route.methods) ? 0 : 1) +
    (isEmpty(route.hosts) ? 0 : 1) +
    (headers === 0 ? 0 : 1) +
    (isEmpty(route.snis) ? 0 : 1) +
    (path === undefined ? 0 : 1);
  const low =
    (criteria << 29) |
    (Math.min(headers, 255) << 20) |
    (path === 'regex' ? route.regexPriority << 19 : 0) |
    (typeof path === 'number' ? path & 0x7ffff : 0);
  // An empty list of hosts counts as one without wildcards.
  const plainHosts = route.hosts?.every((host) => !host.includes('*')) ?? false;
  return BigInt.asUintN(64, BigInt(low)) | (plainHosts ? 1n << 60n : 0n) | (path === 'regex' ? 1n << 51n : 0n);
}

function isEmpty<T>(list: readonly T[] | null): list is null {
  return list === null || list.length === 0;
}

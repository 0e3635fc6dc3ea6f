/**
 * From each row that an operator wrote to the value that a snapshot is made of. Compiling is costly (regexes, the settings
 * of plugins), so a row that did not change keeps its value.
 */
import { type Entity, referenceIn, sameRow } from '../ports/entity-store.ts';
import { flag, listOrNull, listsOrNull, number, object, text, textOrNull } from '../records/rows.ts';
import { type Criteria, criteriaOf, type RouteFields } from '../routing/criteria.ts';
import { encodePath, octets } from '../routing/path.ts';
import { inAnyCase } from '../routing/route-pattern.ts';
import { errorResponse } from './error-response.ts';
import type { PluginDefinition, PluginHooks, PluginTools } from './plugin.ts';
import type { CompiledPlugin } from './plugin-selection.ts';
import type { UpstreamService } from './snapshot.ts';

/** Rows with their values, by id. */
export type CompiledRows<T> = ReadonlyMap<string, Compiled<T>>;

export interface Compiled<T> {
  readonly row: Entity;
  /** `undefined`: the row has no effect on HTTP requests, or is refused. */
  readonly value: T | undefined;
}

/** Rows that changed, by id; `undefined`: the row was removed. */
export type RowChanges = ReadonlyMap<string, Entity | undefined>;

/** A value that changed. */
export interface Difference<T> {
  readonly id: string;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** How many rows make one step. */
const rowsInStep = 50;

/** The changes that make `before` of `rows`. */
export function* changesOf<T>(before: CompiledRows<T>, rows: readonly Entity[]): Generator<undefined, RowChanges> {
  const changes = new Map<string, Entity | undefined>();
  const present = new Set<string>();
  for (const [at, row] of rows.entries()) {
    if (at % 1000 === 999) yield undefined;
    present.add(row.id);
    if (!sameRow(before.get(row.id)?.row, row)) changes.set(row.id, row);
  }
  for (const id of before.keys()) if (!present.has(id)) changes.set(id, undefined);
  return changes;
}

/**
 * Applies changes to compiled rows of one kind. Where `compile` throws, `refuse` is called and `otherwise` gives the value.
 * Returns the rows, the same object if none of them changed, and which values changed.
 */
export function* compileRows<T>(
  before: CompiledRows<T>,
  changes: RowChanges,
  compile: (row: Entity) => T | undefined,
  refuse: (id: string, why: string) => void,
  otherwise: (row: Entity) => T | undefined = () => undefined,
): Generator<undefined, { readonly rows: CompiledRows<T>; readonly changed: readonly Difference<T>[] }> {
  const real = [...changes].filter(([id, row]) => !sameRow(before.get(id)?.row, row));
  if (real.length === 0) return { rows: before, changed: [] };
  const rows = new Map(before);
  const changed: Difference<T>[] = [];
  for (const [at, [id, row]] of real.entries()) {
    if (at % rowsInStep === rowsInStep - 1) yield undefined;
    let value: T | undefined;
    if (row === undefined) rows.delete(id);
    else {
      try {
        value = compile(row);
      } catch (error) {
        refuse(id, error instanceof Error ? error.message : String(error));
        value = otherwise(row);
      }
      rows.set(id, { row, value });
    }
    changed.push({ id, before: before.get(id)?.value, after: value });
  }
  return { rows, changed };
}

export interface CompiledService {
  readonly upstream: UpstreamService;
  /** The service's path, encoded. */
  readonly base: string;
  readonly enabled: boolean;
}

export function compileService(row: Entity): CompiledService {
  const caCertificates = listOrNull(row, 'ca_certificates');
  const clientCertificate = referenceIn(row, 'client_certificate');
  return {
    upstream: {
      id: row.id,
      name: textOrNull(row, 'name') ?? undefined,
      protocol: text(row, 'protocol') as UpstreamService['protocol'],
      host: text(row, 'host'),
      port: number(row, 'port', 80),
      retries: number(row, 'retries', 5),
      connectTimeout: number(row, 'connect_timeout', 60_000),
      writeTimeout: number(row, 'write_timeout', 60_000),
      readTimeout: number(row, 'read_timeout', 60_000),
      tlsVerify: (row['tls_verify'] ?? null) === null ? undefined : flag(row, 'tls_verify', false),
      ...(caCertificates === null ? {} : { caCertificates }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
    },
    base: encodePath(octets(textOrNull(row, 'path') ?? '/')),
    enabled: flag(row, 'enabled', true),
  };
}

export interface CompiledRoute {
  readonly serviceId: string | undefined;
  readonly criteria: readonly Criteria[];
  readonly protocols: ReadonlySet<string>;
  readonly stripPath: boolean;
  readonly strictPaths: boolean;
  /** The criteria for paths in lower case, matched without regard to case. */
  readonly anyCase: () => readonly Criteria[];
  readonly preserveHost: boolean;
  readonly requestBuffering: boolean;
  /** 426, or the status of the redirection to https. */
  readonly httpsRedirect: number;
}

/** `undefined` for a route of streams (tcp, tls, udp). */
export function compileRoute(row: Entity): CompiledRoute | undefined {
  const protocols = listOrNull(row, 'protocols') ?? ['http', 'https'];
  if (!protocols.some(isHttp)) return undefined;
  const fields: RouteFields = {
    methods: listOrNull(row, 'methods'),
    hosts: listOrNull(row, 'hosts'),
    paths: listOrNull(row, 'paths'),
    headers: listsOrNull(row, 'headers'),
    snis: listOrNull(row, 'snis'),
    regexPriority: number(row, 'regex_priority', 0),
  };
  let anyCase: readonly Criteria[] | undefined;
  return {
    serviceId: referenceIn(row, 'service'),
    criteria: criteriaOf(fields),
    anyCase: () => (anyCase ??= criteriaOf({ ...fields, paths: fields.paths?.map(inAnyCase) ?? null })),
    strictPaths: flag(row, 'strict_paths', false),
    protocols: new Set(protocols),
    stripPath: flag(row, 'strip_path', true),
    preserveHost: flag(row, 'preserve_host', false),
    requestBuffering: flag(row, 'request_buffering', true),
    httpsRedirect: number(row, 'https_redirect_status_code', 426),
  };
}

/** `undefined` for a plugin that is switched off, or only for protocols that are not HTTP. */
export function compilePlugin(
  row: Entity,
  definitions: ReadonlyMap<string, PluginDefinition>,
  tools: PluginTools,
): CompiledPlugin | undefined {
  if (!flag(row, 'enabled', true) || !(listOrNull(row, 'protocols') ?? ['http']).some(isHttp)) return undefined;
  const name = text(row, 'name');
  const definition = definitions.get(name);
  if (definition === undefined) throw new TypeError(`name: there is no plugin ${JSON.stringify(name)}`);
  const place = placeOf(row);
  return { definition, place, hooks: definition.compile(object(row, 'config'), place, tools) };
}

/** Stands in for a plugin that cannot be compiled: every request gets 503, so that a mistake admits no request. */
export function closedPlugin(row: Entity, definitions: ReadonlyMap<string, PluginDefinition>): CompiledPlugin {
  const name = String(row['name']);
  const hooks: PluginHooks = {
    access: ({ request }) => errorResponse(request, 503, 'a plugin of this route cannot be used'),
  };
  const unknown = { name, priority: Number.NEGATIVE_INFINITY, authenticates: true, compile: () => hooks };
  return { definition: definitions.get(name) ?? unknown, place: placeOf(row), hooks };
}

function placeOf(row: Entity): CompiledPlugin['place'] {
  return {
    pluginId: row.id,
    routeId: referenceIn(row, 'route'),
    serviceId: referenceIn(row, 'service'),
    consumerId: referenceIn(row, 'consumer'),
  };
}

function isHttp(protocol: string): boolean {
  return ['http', 'https', 'grpc', 'grpcs', 'ws', 'wss'].includes(protocol);
}

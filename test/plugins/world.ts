/**
 * One route with plugins, in memory, with a clock that the test sets. A request goes through the hooks in the order
 * of the proxy, and the test sees what the upstream and the client would get.
 */

import { memoryCounters } from '../../adapters/store-memory/counters.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import { gate } from '../../src/gate.ts';
import {
  bothEdits,
  changeable,
  type HeaderEdits,
  removeHeader,
  setHeader,
  upstreamFields,
} from '../../src/gateway/header-hygiene.ts';
import type {
  Exchange,
  Handover,
  Plugin,
  PluginHooks,
  PluginPlace,
  PluginTools,
  ResponseHead,
} from '../../src/gateway/plugin.ts';
import type { DirectResponse, ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import { plugins } from '../../src/plugins/plugins.ts';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { storedPasswords } from '../../src/records/passwords.ts';
import { rememberedRecords } from '../../src/records/plugin-records.ts';
import { storedCounters } from '../../src/records/stored-counters.ts';
import { tokensNeeded } from '../../src/schema/complete.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { draftInsert, violationsOf } from '../../src/schema/draft.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

export const entities = describeEntities(pluginDescriptions);

export const place: PluginPlace = {
  pluginId: '00000000-0000-4000-8000-0000000000aa',
  routeId: undefined,
  serviceId: 'service-api',
  consumerId: undefined,
};

export interface PluginWorld {
  readonly tools: PluginTools;
  now: number;
  /** The errors that were reported. */
  readonly failures: unknown[];
  insert(kind: string, row: { readonly [field: string]: Json }): Entity;
  /** Announces a change. */
  announce(announcement: Announcement): void;
  store: ReturnType<typeof memoryEntityStore>;
}

export const beginning = Date.UTC(2026, 0, 1);

export function pluginWorld(replace: Partial<PluginTools> = {}): PluginWorld {
  const store = memoryEntityStore();
  const failures: unknown[] = [];
  const kind = (name: string) => kindOf(entities.get(name)!);
  const records = rememberedRecords(store, kind);
  let made = 0;
  const clock = { now: () => world.now };
  const world: PluginWorld = {
    now: beginning,
    failures,
    store,
    announce: records.apply,
    insert(name, row) {
      const entity = { id: uuid(++made), ...row };
      const { outcome } = store.insert(kind(name), entity) as { outcome: string };
      if (outcome !== 'written') throw new Error(`${name}: ${outcome}`);
      records.apply({ announces: 'entityChanged', kind: name, id: entity.id });
      return entity;
    },
    tools: {
      now: () => world.now,
      wallClock: () => world.now,
      // There are no access tokens here.
      gate: gate({ find: () => undefined }, clock),
      findConsumer(key) {
        const row = (store.get(kind('consumers'), key) ?? store.getBy(kind('consumers'), 'username', key)) as Entity;
        if (row === undefined) return undefined;
        const customId = row['custom_id'];
        return {
          id: row.id,
          username: row['username'] as string,
          customId: typeof customId === 'string' ? customId : undefined,
        };
      },
      plainHttpTokens: 'never',
      publicUrl: undefined,
      revokeGrant: () => undefined,
      records,
      passwords: storedPasswords({
        verify: (_id, phc, password) => (phc === `hash of ${password}` ? 'proven' : 'failed'),
      }),
      counters: { local: memoryCounters(clock), cluster: storedCounters(store, clock) },
      entropy: { token: () => `token-${++made}`, uuid: () => uuid(++made) },
      failed: (error) => void failures.push(error),
      ...replace,
    },
  };
  return world;
}

export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

// Settings ------------------------------------------------------------------------------------------------------------

/** The settings as the store has them: validated, with defaults. Throws the errors of the Admin API. */
export function settings(name: string, config: JsonObject = {}): JsonObject {
  const found = tryOut(name, config);
  if (found.violations !== undefined) throw new Error(JSON.stringify(found.violations));
  return found.config;
}

/** The errors of the Admin API for these settings. */
export function refusedSettings(name: string, config: JsonObject): unknown {
  return tryOut(name, config).violations;
}

function tryOut(name: string, config: JsonObject) {
  const description = entities.get('plugins')!;
  const sent = { name, config };
  const tokens = Array.from({ length: tokensNeeded(description, sent) }, (_, i) => `token-${i}`);
  const draft = draftInsert(description, sent, { now: beginning, uuid: uuid(1), tokens });
  return { violations: violationsOf(draft), config: draft.row['config'] as JsonObject };
}

/** The hooks of a plugin with these settings. */
export function compiled(
  plugin: string | Plugin,
  config: JsonObject,
  { tools }: PluginWorld,
  at: Partial<PluginPlace> = {},
): PluginHooks {
  const found = typeof plugin === 'string' ? plugins.find(({ name }) => name === plugin) : plugin;
  if (found === undefined) throw new Error(`no plugin ${plugin}`);
  return found.compile(typeof plugin === 'string' ? settings(plugin, config) : config, { ...place, ...at }, tools);
}

// Requests ------------------------------------------------------------------------------------------------------------

export interface Called {
  /** The response of the gate itself, headers by name in lower case; `undefined`: the request went upstream. */
  readonly response: { readonly status: number; readonly headers: Headers; readonly body: string } | undefined;
  readonly handover: Handover | undefined;
  readonly upstream: {
    readonly method: string;
    readonly target: string;
    readonly headers: Headers;
    readonly body: string;
  };
  /** The body that the client gets. */
  readonly body: string;
  /** The headers that the client gets, from the gate or the upstream. */
  readonly headers: Headers;
  readonly exchange: Exchange;
}

type Headers = { readonly [name: string]: string };

export interface Call {
  readonly headers?: { readonly [name: string]: string | readonly string[] };
  readonly body?: string | Uint8Array;
  readonly from?: string;
  readonly peerTrusted?: boolean;
  readonly scheme?: 'http' | 'https';
  readonly serviceId?: string | undefined;
  readonly path?: string;
  /** The head of the upstream's response. */
  readonly fromUpstream?: {
    readonly status?: number;
    readonly headers?: { readonly [name: string]: string };
    readonly body?: string;
  };
  readonly captures?: Exchange['captures'];
  readonly rows?: Exchange['rows'];
  readonly identity?: Exchange['identity'];
}

/** Sends a request through hooks; `line` is `GET /a`, say. */
export async function call(hooks: readonly PluginHooks[], line: string, given: Call = {}): Promise<Called> {
  const sent: Sent = { target: '', body: bytes(given.body), edits: undefined };
  const request = requestOf(line, given, sent);
  sent.target = request.target;
  const exchange: Exchange = {
    request,
    requestId: request.requestId,
    clientAddress: given.from ?? '203.0.113.9',
    routeId: 'route-api',
    serviceId: 'serviceId' in given ? given.serviceId : 'service-api',
    path: given.path ?? request.target.split('?', 1)[0]!,
    rows: given.rows,
    captures: given.captures,
    identity: given.identity,
    refusal: undefined,
    clientId: undefined,
  };
  let response: DirectResponse | undefined;
  let handover: Handover | undefined;
  for (const one of hooks) {
    if (handover !== undefined) {
      response = await one.handover?.(exchange, handover);
    } else {
      const decision = await one.access?.(exchange);
      if (decision !== undefined && 'handover' in decision) handover = decision;
      else response = decision;
    }
    if (response !== undefined) break;
  }
  const head = responseHead(response?.status ?? given.fromUpstream?.status ?? 200, [
    ...(response?.headers ?? Object.entries(given.fromUpstream?.headers ?? {})),
  ]);
  for (const one of hooks) one.respond?.(exchange, head);
  let body: Uint8Array = Buffer.from(response?.body ?? given.fromUpstream?.body ?? '');
  for (const one of hooks) if (one.body?.wants(exchange, head)) body = one.body.change(exchange, head, body);
  const fields = upstreamFields({
    rawHeaders: request.rawHeaders,
    gateFields: [],
    edits: sent.edits,
    identityPasses: false,
    peerTrusted: request.peerTrusted,
    body: sent.body.length === 0 ? 'none' : sent.body.length,
  });
  return {
    response: response === undefined ? undefined : { ...response, headers: head.all() },
    handover: response === undefined ? handover : undefined,
    upstream: {
      method: request.upstreamMethod ?? request.method,
      target: sent.target,
      headers: byName(fields),
      body: Buffer.from(sent.body).toString('utf8'),
    },
    body: Buffer.from(body).toString('utf8'),
    headers: head.all(),
    exchange,
  };
}

interface Sent {
  target: string;
  body: Uint8Array;
  edits: HeaderEdits | undefined;
}

function requestOf(line: string, given: Call, sent: Sent): ProxiedRequest {
  const [method, target] = line.split(' ') as [string, string];
  const rawHeaders = Object.entries({ Host: 'gate.example', ...given.headers }).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, Buffer.from(value, 'utf8').toString('latin1')]),
  );
  const headerValues = (name: string) =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
  return {
    requestId: '0123456789abcdef0123456789abcdef',
    method,
    target,
    scheme: given.scheme ?? 'https',
    httpVersion: '1.1',
    localPort: 8443,
    peer: '127.0.0.1',
    peerTrusted: given.peerTrusted ?? false,
    sni: undefined,
    rawHeaders,
    header: (name) => (headerValues(name).length === 0 ? undefined : headerValues(name).join(', ')),
    headerValues,
    readBody: async (limit) => (sent.body.length > limit ? undefined : sent.body),
    get edits() {
      return sent.edits;
    },
    setHeader(name, value) {
      sent.edits = changeable(sent.edits);
      setHeader(sent.edits, name, value);
    },
    removeHeader(name) {
      sent.edits = changeable(sent.edits);
      removeHeader(sent.edits, name);
    },
    editHeaders(edits) {
      sent.edits = bothEdits(sent.edits, edits);
    },
    get upstreamTarget() {
      return sent.target;
    },
    replaceTarget(target) {
      sent.target = target;
    },
    replaceBody(body) {
      sent.body = body;
    },
  };
}

function responseHead(status: number, headers: (readonly [string, string])[]): ResponseHead & { all(): Headers } {
  let fields = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  const head = {
    status,
    header: (name: string) => fields.find(([known]) => known === name.toLowerCase())?.[1],
    setHeader(name: string, value: string) {
      head.removeHeader(name);
      head.addHeader(name, value);
    },
    addHeader: (name: string, value: string) => void fields.push([name.toLowerCase(), value]),
    removeHeader(name: string) {
      fields = fields.filter(([known]) => known !== name.toLowerCase());
    },
    all: () => byName(fields.flat()),
  };
  return head;
}

function byName(fields: readonly string[]): Headers {
  const all: { [name: string]: string } = {};
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    all[name] = name in all ? `${all[name]}, ${fields[i + 1]}` : fields[i + 1]!;
  }
  return all;
}

function bytes(body: string | Uint8Array | undefined): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array());
}

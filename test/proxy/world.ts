/**
 * A world for tests of the proxy: a gate on a free port, upstreams made by the test, and a client that sends exactly the
 * bytes of the test. Everything is closed after each test.
 */
import { createServer as createHttp, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { AccessLogEntry } from '../../adapters/proxy/access-log.ts';
import type { UpstreamProblem } from '../../adapters/proxy/environment.ts';
import { type OpenProxy, openProxy, type ProxyOptions } from '../../adapters/proxy/open-proxy.ts';
import type { PluginHooks } from '../../src/gateway/plugin.ts';
import type { DirectResponse, ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import type { Match, UpstreamService } from '../../src/gateway/snapshot.ts';
import { closeLater, plainService } from '../support/scripted-upstream.ts';

export {
  closeLater,
  closesEverything,
  eventually,
  ok,
  plainService,
  type Seen,
  scriptedUpstream,
  tcpUpstream,
} from '../support/scripted-upstream.ts';

export interface Gate {
  readonly port: number;
  readonly proxy: OpenProxy;
  readonly entries: AccessLogEntry[];
  readonly failures: unknown[];
  readonly problems: UpstreamProblem[];
  /** The log entry of the first request, or of the next one. */
  logged(): Promise<AccessLogEntry>;
}

export interface GateSettings extends Partial<Omit<ProxyOptions, 'snapshot' | 'log' | 'failed' | 'upstreamFailed'>> {
  readonly service?: Partial<UpstreamService> | undefined;
  readonly route?: Partial<Omit<Match, 'service' | 'hooks'>>;
  readonly hooks?: readonly PluginHooks[];
  readonly match?: (request: ProxiedRequest) => Match | DirectResponse;
}

/** A gate that forwards every request to the upstream at `port`, through `hooks`. */
export async function openGate(port: number, settings: GateSettings = {}): Promise<Gate> {
  const { service, route, hooks, match, ...options } = settings;
  const upstream: UpstreamService = { ...plainService, port, ...service };
  const gate = { entries: [] as AccessLogEntry[], failures: [] as unknown[], problems: [] as UpstreamProblem[] };
  const waiting: ((entry: AccessLogEntry) => void)[] = [];
  const proxy = await openProxy({
    listen: [{ host: '127.0.0.1', port: 0, ssl: false, http2: false }],
    serveEndpoint: () => {
      throw new Error('no endpoint here');
    },
    ...options,
    snapshot: () => ({ match: match ?? ((request) => matched(request, upstream, route, hooks)) }),
    log: (entry) => {
      gate.entries.push(entry);
      waiting.shift()?.(entry);
    },
    failed: (error) => {
      gate.failures.push(error);
    },
    upstreamFailed: (problem) => {
      gate.problems.push(problem);
    },
  });
  closeLater(() => proxy.close());
  return {
    ...gate,
    proxy,
    port: proxy.addresses[0]!.port,
    logged: () => {
      const entry = gate.entries[0];
      if (entry !== undefined) return Promise.resolve(entry);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

export function matched(
  request: ProxiedRequest,
  service: UpstreamService | undefined,
  route: GateSettings['route'] = {},
  hooks: readonly PluginHooks[] = [],
): Match {
  return {
    routeId: 'route-1',
    service,
    path: request.target.split('?')[0]!,
    upstreamTarget: request.target,
    strippedPrefix: undefined,
    preserveHost: false,
    hooks,
    authenticates: false,
    ...route,
  };
}

/** An upstream with node:http. */
export async function httpUpstream(listener: RequestListener): Promise<number> {
  const server = createHttp(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeLater(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A client that sends and receives bytes. */
export class Client {
  readonly socket: Socket;
  text = '';
  ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1');
      this.#wake?.();
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true;
        this.#wake?.();
      });
    }
  }

  send(bytes: string | Uint8Array): this {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1');
    else this.socket.write(bytes);
    return this;
  }

  /** The next response, by its own framing; a part of it, if the connection ended. */
  async response(how: { toHead?: boolean } = {}): Promise<Received> {
    return this.#until(() => {
      const received = readResponse(this.text, this.ended, how.toHead ?? false);
      if (received === undefined) return undefined;
      this.text = this.text.slice(received.length);
      return received;
    });
  }

  async closed(): Promise<string> {
    return this.#until(() => (this.ended ? this.text : undefined));
  }

  async until(pattern: RegExp): Promise<string> {
    return this.#until(() => (pattern.test(this.text) || this.ended ? this.text : undefined));
  }

  async #until<T>(found: () => T | undefined): Promise<T> {
    for (;;) {
      const result = found();
      if (result !== undefined) return result;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export interface Received {
  readonly status: number;
  readonly reason: string;
  /** Values by name in lower case. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
  /** It ended as its framing says. */
  readonly complete: boolean;
  readonly trailers: string;
  readonly length: number;
}

function readResponse(text: string, ended: boolean, toHead: boolean): Received | undefined {
  const end = text.indexOf('\r\n\r\n');
  const none = {
    status: 0,
    reason: '',
    fields: new Map(),
    body: '',
    complete: false,
    trailers: '',
    length: text.length,
  };
  if (end === -1) return ended ? none : undefined;
  const [line = '', ...rest] = text.slice(0, end).split('\r\n');
  const fields = new Map<string, string[]>();
  for (const each of rest) {
    const name = each.slice(0, each.indexOf(':')).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), each.slice(each.indexOf(':') + 1).trim()]);
  }
  const status = Number(line.slice(9, 12));
  const head = { status, reason: line.slice(13), fields, trailers: '' };
  const from = end + 4;
  if (toHead || status === 204 || status === 304 || status < 200) {
    return { ...head, body: '', complete: true, length: from };
  }
  const length = fields.get('content-length')?.[0];
  if (length !== undefined) {
    const to = from + Number(length);
    if (text.length < to)
      return ended ? { ...head, body: text.slice(from), complete: false, length: text.length } : undefined;
    return { ...head, body: text.slice(from, to), complete: true, length: to };
  }
  if (!fields.has('transfer-encoding')) {
    return ended ? { ...head, body: text.slice(from), complete: true, length: text.length } : undefined;
  }
  let body = '';
  for (let at = from; ; ) {
    const feed = text.indexOf('\r\n', at);
    const size = feed === -1 ? Number.NaN : Number.parseInt(text.slice(at, feed), 16);
    if (size === 0) {
      const over = text.startsWith('\r\n', feed + 2) ? feed + 4 : text.indexOf('\r\n\r\n', feed) + 4;
      if (over === 3) return ended ? { ...head, body, complete: false, length: text.length } : undefined;
      return { ...head, body, complete: true, trailers: text.slice(feed + 2, over - 2), length: over };
    }
    if (feed === -1 || text.length < feed + 4 + size) {
      return ended ? { ...head, body, complete: false, length: text.length } : undefined;
    }
    body += text.slice(feed + 2, feed + 2 + size);
    at = feed + 4 + size;
  }
}

export async function client(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  closeLater(() => socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return new Client(socket);
}

/** One request on a new connection. */
export async function ask(port: number, request: string): Promise<Received> {
  const asking = await client(port);
  asking.send(request);
  const response = await asking.response({ toHead: request.startsWith('HEAD ') });
  asking.socket.destroy();
  return response;
}

export function get(path = '/', ...fields: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\nHost: gate.example\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
}

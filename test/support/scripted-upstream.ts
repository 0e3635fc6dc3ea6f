/**
 * Upstreams that send exactly the bytes of a test, and what their tests share. Everything is closed after each test.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';

const closing: (() => unknown)[] = [];
let testsEnded = 0;

/** Call it in each suite: closes everything after each test. */
export function closesEverything(): void {
  afterEach(async () => {
    testsEnded++;
    for (const close of closing.splice(0).reverse()) await close();
  });
}

export function closeLater(close: () => unknown): void {
  closing.push(close);
}

export const plainService: UpstreamService = {
  id: 'service-1',
  name: 'orders',
  protocol: 'http',
  host: '127.0.0.1',
  port: 0,
  retries: 5,
  connectTimeout: 2000,
  writeTimeout: 2000,
  readTimeout: 2000,
  tlsVerify: undefined,
};

/** An upstream that passes each connection to `serve`. `nth` counts from 0. */
export async function tcpUpstream(
  serve: (socket: Socket, nth: number) => void,
): Promise<{ port: number; server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    serve(socket, sockets.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeLater(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server, sockets };
}

/** A request as an upstream received it. */
export interface Seen {
  /** Request line and header lines, as received. */
  readonly lines: readonly string[];
  /** Values by name in lower case. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** An upstream that reads whole requests and sends the next of `responses` to each (the last one repeatedly). */
export async function scriptedUpstream(
  ...responses: readonly (string | ((socket: Socket, seen: Seen) => void))[]
): Promise<{ port: number; seen: Seen[]; sockets: Socket[] }> {
  const seen: Seen[] = [];
  const { port, sockets } = await tcpUpstream((socket) => {
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (;;) {
        const request = readRequest(text);
        if (request === undefined) return;
        text = text.slice(request.length);
        const response = responses[Math.min(seen.length, responses.length - 1)]!;
        seen.push(request.seen);
        if (typeof response === 'string') socket.write(response, 'latin1');
        else response(socket, request.seen);
      }
    });
  });
  return { port, seen, sockets };
}

function readRequest(text: string): { length: number; seen: Seen } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const lines = text.slice(0, end).split('\r\n');
  const fields = new Map<string, string[]>();
  for (const line of lines.slice(1)) {
    const [name, value] = [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()];
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  const length = Number(fields.get('content-length')?.[0] ?? 0);
  const from = end + 4;
  if (!fields.has('transfer-encoding')) {
    if (text.length < from + length) return undefined;
    return { length: from + length, seen: { lines, fields, body: text.slice(from, from + length) } };
  }
  let body = '';
  for (let at = from; ; ) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (text.length < line + 4 + size) return undefined;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
    if (size === 0) return { length: at, seen: { lines, fields, body } };
  }
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Waits until a condition holds: turns of the event loop, no clock. */
export async function eventually(condition: () => boolean): Promise<void> {
  const before = testsEnded;
  while (!condition()) {
    // A test that timed out is over. Waiting further would keep the process running.
    if (testsEnded > before) throw new Error('the test ended before the condition was true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

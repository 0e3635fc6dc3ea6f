/** An Admin API on a real socket, over memory stores and a clock that the test sets. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type AdminApiOptions, adminApi } from '../../adapters/admin/admin-api.ts';
import { respondMalformed } from '../../adapters/admin/malformed.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { gateHeaders } from '../../src/gateway/gate-headers.ts';
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { announcingEntityStore, announcingGrants } from '../../src/records/announcing.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

export interface Gate {
  readonly port: number;
  readonly clock: { now: () => number; at: number };
  readonly options: AdminApiOptions;
  readonly announced: Announcement[];
  readonly secrets: string[];
  /** The errors that the Admin API reported. `close` fails if one is left. */
  readonly errors: unknown[];
  /** `call('POST /services', { host: 'h' })`: an object goes as JSON, text as a form, bytes as they are. */
  call(line: string, body?: unknown, headers?: Record<string, string>): Promise<DirectResponse>;
  /** The row that a successful call returns. */
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  make(line: string, body: unknown): Promise<any>;
  close(): Promise<void>;
}

export interface DirectResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  readonly body: any;
}

export async function gate(given: Partial<AdminApiOptions> = {}): Promise<Gate> {
  const clock = { at: 1_800_000_000_000, now: () => clock.at };
  const announced: Announcement[] = [];
  const secrets: string[] = [];
  const errors: unknown[] = [];
  const announcements: Announcements = {
    publish: (announcement) => {
      announced.push(announcement);
    },
    subscribe: () => () => undefined,
  };
  const options: AdminApiOptions = {
    store: announcingEntityStore(memoryEntityStore(), announcements),
    grants: announcingGrants(memoryGrants(clock), announcements),
    plugins: pluginDescriptions,
    clock,
    entropy: counting(),
    hashSecret: async (secret) => {
      secrets.push(secret);
      return `$pbkdf2-sha512$i=10000,l=32$salt$digest${secrets.length}`;
    },
    allowedHosts: [],
    version: '0.0.0',
    settings: { proxyListen: [], adminListen: [], statusListen: [], trustedIps: [], headers: gateHeaders() },
    nodeId: 'node',
    balancerOf: () => undefined,
    file: {
      activeDigest: () => undefined,
      load: async () => ({ outcome: 'unchanged' }),
      reload: async () => undefined,
      print: async () => '',
    },
    metrics: () => '',
    connections: () => ({ accepted: 1, active: 1, handled: 1, reading: 0, writing: 1, waiting: 0, requests: 1 }),
    ...given,
  };
  const app = adminApi(options);
  app.on('error', (error) => errors.push(error));
  const server = createServer(app.callback());
  server.on('clientError', respondMalformed);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;

  const call: Gate['call'] = (line, body, headers = {}) => {
    const [method, path] = line.split(' ');
    const isText = typeof body === 'string';
    const bytes =
      body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(isText ? body : JSON.stringify(body));
    const type = isText ? 'application/x-www-form-urlencoded' : 'application/json';
    return new Promise((done, fail) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          method: method!,
          path: path!,
          agent: false,
          headers: {
            ...(bytes === undefined ? {} : { 'content-type': type, 'content-length': bytes.length }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const json = response.headers['content-type']?.startsWith('application/json') === true && text !== '';
            const answered = response.headers as Record<string, string>;
            done({ status: response.statusCode!, headers: answered, body: json ? JSON.parse(text) : text });
          });
          response.on('error', fail);
        },
      );
      sent.on('error', fail);
      sent.end(bytes);
    });
  };

  return {
    port,
    clock,
    options,
    announced,
    secrets,
    errors,
    call,
    async make(line, body) {
      const { status, body: row } = await call(line, body);
      expect(status).to.be.oneOf([200, 201], JSON.stringify(row));
      return row;
    },
    async close() {
      await new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
      expect(errors).to.deep.equal([]);
    },
  };
}

/** Ids and tokens that count up. */
function counting(): Entropy {
  let made = 0;
  const next = () => (++made).toString(16).padStart(12, '0');
  return { uuid: () => `00000000-0000-4000-9000-${next()}`, token: () => `token${next()}`.padEnd(32, 'x') };
}

export const nowhere = '00000000-0000-4000-8000-0000deadbeef';
export const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

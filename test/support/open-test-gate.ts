/** A whole gate with its Admin API and an upstream behind it, on free ports of loopback, as a client outside sees it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenGate, openGate } from '../../adapters/composition-root.ts';
import { readConfiguration } from '../../adapters/configuration.ts';
import { openLog } from '../../adapters/logging.ts';

/** What came over the wire: a test looks into it as it likes. */
// biome-ignore lint/suspicious/noExplicitAny: nothing is known of it before it was looked at
export type Body = any;

export interface TestGate {
  readonly proxy: string;
  readonly proxyTls: string;
  readonly admin: string;
  readonly upstream: string;
  /** Every line of the log so far. */
  readonly log: readonly string[];
  readonly directory: string;
  /** A call of the Admin API with JSON; rejects unless it succeeds. */
  setUp(method: string, path: string, body?: unknown): Promise<Body>;
  /** A form posted to the gate. */
  post(
    path: string,
    form: Record<string, string> | URLSearchParams,
    headers?: Record<string, string>,
  ): Promise<DirectResponse>;
  get(path: string, accessToken?: string, headers?: Record<string, string>): Promise<DirectResponse>;
  /** The same over TLS, as a client that trusts the gate's own certificate would. */
  postTls(path: string, form: Record<string, string>): Promise<DirectResponse>;
  close(): Promise<void>;
}

export interface DirectResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export async function openTestGate(settings: Record<string, string> = {}): Promise<TestGate> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  const upstream = await echo();
  const log: string[] = [];
  const reading = readConfiguration({
    env: {
      PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 http2 ssl',
      PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
      PORTCULLIS_STORE: `lmdb:${join(directory, 'store')}`,
      PORTCULLIS_STATE_DIR: directory,
      PORTCULLIS_KEY: 'ab'.repeat(32),
      PORTCULLIS_DRAIN_LIMIT: '2',
      ...settings,
    },
  });
  if (!reading.ok) throw new Error(reading.problems.map(({ from, problem }) => `${from}: ${problem}`).join('\n'));
  let gate: OpenGate;
  try {
    gate = await openGate(reading.configuration, {
      log: openLog({ level: 'debug', to: { write: (line) => void log.push(line) } }),
    });
  } catch (error) {
    upstream.close();
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const plain = gate.proxy.find(({ ssl }) => !ssl)!;
  const tls = gate.proxy.find(({ ssl }) => ssl)!;
  const [proxy, proxyTls, admin] = [
    `http://127.0.0.1:${plain.port}`,
    `https://127.0.0.1:${tls.port}`,
    `http://127.0.0.1:${gate.admin[0]!.port}`,
  ];
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  return {
    proxy,
    proxyTls,
    admin,
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    log,
    directory,
    async setUp(method, path, body) {
      const response = await fetch(admin + path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    post: (path, form, headers = {}) =>
      answerOf(fetch(proxy + path, { method: 'POST', body: new URLSearchParams(form), headers })),
    get: (path, accessToken, headers = {}) =>
      answerOf(
        fetch(proxy + path, {
          headers: accessToken === undefined ? headers : { ...headers, Authorization: `Bearer ${accessToken}` },
        }),
      ),
    postTls: (path, form) =>
      new Promise((resolve, reject) => {
        const body = new URLSearchParams(form).toString();
        const call = request(proxyTls + path, { method: 'POST', agent }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              headers: new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
              body: parsed(Buffer.concat(chunks).toString()),
            }),
          );
        });
        call.on('error', reject);
        call.setHeader('Content-Type', 'application/x-www-form-urlencoded');
        call.end(body);
      }),
    async close() {
      agent.destroy();
      await gate.close();
      upstream.closeAllConnections();
      upstream.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function answerOf(calling: Promise<Response>): Promise<DirectResponse> {
  const response = await calling;
  return { status: response.status, headers: response.headers, body: parsed(await response.text()) };
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Answers with what it was asked. */
async function echo(): Promise<Server> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      res.setHeader('Content-Type', 'application/json');
      res.end(
        JSON.stringify({
          method: req.method,
          url: req.url,
          headers: req.headers,
          rawHeaders: req.rawHeaders,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A service at `/api` guarded by an oauth2 plugin, and the client `app` with the secret `s3cret`. */
export async function guardedApi(gate: TestGate, config: Record<string, unknown> = {}): Promise<{ pluginId: string }> {
  await gate.setUp('POST', '/services', { name: 'api', url: gate.upstream });
  await gate.setUp('POST', '/services/api/routes', { name: 'api', paths: ['/api'] });
  const { id } = await gate.setUp('POST', '/services/api/plugins', {
    name: 'oauth2',
    config: {
      enable_authorization_code: true,
      enable_client_credentials: true,
      provision_key: 'the provision key',
      scopes: ['read', 'write'],
      ...config,
    },
  });
  await gate.setUp('POST', '/consumers', { username: 'alice', custom_id: 'c-alice' });
  await gate.setUp('POST', '/consumers/alice/oauth2', {
    name: 'app',
    client_id: 'app',
    client_secret: 's3cret',
    redirect_uris: ['https://app.example/cb'],
  });
  return { pluginId: id };
}

/**
 * One client of the upstream, in a process alone on its core: our pool of connections, or undici's `Client.dispatch`. Both
 * do what a forwarder needs: they send a head of the same fields, and receive status, fields as text, and the body.
 */
import { Client } from 'undici';
import { Deadlines } from '../adapters/deadlines.ts';
import type { ResponseReceiver, UpstreamConnection } from '../adapters/upstream/connection.ts';
import type { UpstreamHead } from '../adapters/upstream/head.ts';
import { UpstreamPool } from '../adapters/upstream/pool.ts';
import type { UpstreamService } from '../src/gateway/snapshot.ts';
import { cpuSeconds } from './machine.ts';

export interface ClientRound {
  readonly responses: number;
  readonly cpuSeconds: number;
}

/** Sends one request, and calls `done` after its response. */
type Send = (path: string, done: () => void) => void;

const [kind, portText, connectionsText] = process.argv.slice(2);
const port = Number(portText);
const fields = [
  ...['Host', `127.0.0.1:${port}`, 'Accept', 'application/json', 'User-Agent', 'client/1.0'],
  ...['Via', '1.1 kong/3.9.1', 'X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http'],
  ...['X-Forwarded-Host', '127.0.0.1', 'X-Forwarded-Port', '8000', 'X-Forwarded-Path', '/api/orders'],
  ...['X-Consumer-Username', 'bench', 'X-Credential-Identifier', 'bench', 'X-Authenticated-Scope', 'read write'],
];
const body = 'x'.repeat(100);

function check(status: number, received: string): void {
  if (status !== 200 || received !== body) throw new Error(`status ${status}, body ${received}`);
}

function ownPool(): () => Send {
  const pool = new UpstreamPool(
    { tlsVerify: false, ca: undefined, idleLimit: 512, idleTimeout: 60_000, requestLimit: 0, lookup: undefined },
    new Deadlines(),
  );
  const service = { id: 'api', protocol: 'http', host: '127.0.0.1', port } as UpstreamService;
  const origin = pool.origin(service, undefined);
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) lines += `${fields[i]}: ${fields[i + 1]}\r\n`;

  class Request implements ResponseReceiver {
    readonly toHead = false;
    readonly requestSent = true;
    readonly isRepeatable = true;
    readonly #done: () => void;
    #connection: UpstreamConnection | undefined;

    constructor(done: () => void) {
      this.#done = done;
    }

    send(path: string): void {
      const connection = pool.acquire(origin, this, false);
      this.#connection = connection;
      connection.send(`GET ${path} HTTP/1.1\r\n${lines}\r\n`);
      if (connection.isConnected) this.connected();
    }
    connected(): void {
      this.#connection!.limit(60_000, performance.now());
    }
    responseHeadReceived({ status }: UpstreamHead, whole: string | undefined): void {
      check(status, whole ?? '');
      this.#done();
    }
    responseBodyReceived(): void {}
    responseEnded(): void {}
    interimResponseReceived(): void {}
    drained(): void {}
    failed({ cause }: { readonly cause: string }): void {
      throw new Error(cause);
    }
    expired(): void {
      throw new Error('timeout');
    }
  }
  return () => (path, done) => new Request(done).send(path);
}

function undici(): () => Send {
  return () => {
    // One connection each, so that undici's own pool adds nothing; and the handler that costs undici least.
    const client = new Client(`http://127.0.0.1:${port}`, { headersTimeout: 60_000, bodyTimeout: 60_000 });
    return (path, done) => {
      let status = 0;
      let received = '';
      client.dispatch(
        { path, method: 'GET', headers: fields },
        {
          onConnect() {},
          onHeaders(code, rawHeaders) {
            status = code;
            const texts: string[] = [];
            for (const raw of rawHeaders) texts.push(raw.toString('latin1'));
            return texts.length > 0;
          },
          onData(chunk) {
            received += chunk.toString('latin1');
            return true;
          },
          onComplete() {
            check(status, received);
            done();
          },
          onError(error) {
            throw error;
          },
        },
      );
    };
  };
}

const open = kind === 'undici' ? undici() : ownPool();
const senders = Array.from({ length: Number(connectionsText) }, open);

function round(milliseconds: number): Promise<ClientRound> {
  const before = cpuSeconds(process.pid);
  const until = performance.now() + milliseconds;
  let responses = 0;
  let busy = senders.length;
  return new Promise((resolve) => {
    for (const send of senders) {
      const next = (): void => send(`/api/orders/${responses % 997}`, received);
      const received = (): void => {
        responses++;
        if (performance.now() < until) setImmediate(next);
        else if (--busy === 0) resolve({ responses, cpuSeconds: cpuSeconds(process.pid) - before });
      };
      next();
    }
  });
}

process.on('message', async (milliseconds: number) => process.send!(await round(milliseconds)));
process.send?.('ready');

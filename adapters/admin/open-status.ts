/**
 * The status listeners: what load balancers and Prometheus read, without a token and apart from the Admin API. They open
 * before the proxy and close after it, so that they say when the gate starts and when it drains.
 */
import type { RequestListener, ServerResponse } from 'node:http';
import { type OpenListeners, type OperatorAddress, type OperatorCertificate, openListeners } from './listeners.ts';
import { type AdminResponse, message } from './response.ts';

export interface StatusOptions {
  /** For listeners with TLS. */
  readonly certificate?: OperatorCertificate | undefined;
  /** What the gate is doing; `serving`: it accepts calls. */
  readonly phase: () => 'starting' | 'serving' | 'draining';
  readonly storeResponds: () => Promise<boolean>;
  /** The response to `/status`; `undefined`: the gate has not opened everything yet. */
  readonly status: (query: URLSearchParams) => Promise<AdminResponse> | undefined;
  readonly metrics: () => string;
  readonly failed: (error: unknown) => void;
}

export function openStatus(listen: readonly OperatorAddress[], options: StatusOptions): Promise<OpenListeners> {
  return openListeners(listen, options.certificate, statusEndpoints(options));
}

function statusEndpoints({ phase, storeResponds, status, metrics, failed }: StatusOptions): RequestListener {
  const endpoints: Readonly<
    Record<string, (response: ServerResponse, query: URLSearchParams) => Promise<void> | void>
  > = {
    '/status/live': (response) => send(response, 200, { message: 'live' }),
    async '/status/ready'(response) {
      const now = phase();
      if (now !== 'serving') send(response, 503, { message: now });
      else if (await storeResponds()) send(response, 200, { message: 'ready' });
      else send(response, 503, { message: 'the store does not respond' });
    },
    async '/status'(response, query) {
      const found = (await status(query)) ?? message(503, 'starting');
      send(response, found.status, found.body);
    },
    '/metrics'(response) {
      response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics());
    },
  };
  return (request, response) => {
    const [path = '', query] = (request.url ?? '').split('?', 2);
    const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (endpoint === undefined) return send(response, 404, { message: 'Not found' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return send(response, 405, { message: 'Method not allowed' });
    }
    Promise.resolve(endpoint(response, new URLSearchParams(query))).catch(failed);
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

/**
 * node:http's responses, with the request that they belong to, and a hook on the head of a response that an OAuth endpoint
 * writes: plugins see that head too.
 */
import { type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { wireValue } from '../../../src/gateway/header-hygiene.ts';
import type { ResponseHead } from '../../../src/gateway/plugin.ts';
import { isSettable } from '../response-head.ts';
import type { GateRequest } from './requests.ts';

/** The request that a response belongs to. */
export interface ResponseOwner {
  /** Called with the `Content-Length` of the response, once its head is known. */
  noteResponse(length: number): void;
  /** Called when the response is closed. */
  closed(): void;
}

/** False: the head must not be sent. */
export type BeforeHead = (head: ResponseHead) => boolean;

export class GateResponse extends ServerResponse<GateRequest> {
  incoming: ResponseOwner | undefined;
  beforeHead: BeforeHead | undefined;

  override writeHead(status: number, reason?: unknown, headers?: unknown): this {
    if (this.beforeHead !== undefined) {
      runBeforeHead(this, status, typeof reason === 'string' ? headers : (headers ?? reason));
      return typeof reason === 'string' ? super.writeHead(status, reason) : super.writeHead(status);
    }
    return super.writeHead(status, reason as string, headers as OutgoingHttpHeaders);
  }

  /**
   * The whole body, as octets, directly after `writeHead`: both go to the socket at once and as one text. `end` alone would
   * cork them until the next tick.
   */
  endWith(octets: string): void {
    (this as unknown as NodeResponse)._send(octets, 'latin1');
    this.end();
  }
}

/** An internal method of node:http, which its own classes call. */
interface NodeResponse {
  _send(data: string, encoding: 'latin1'): boolean;
}

export class GateHttp2Response extends Http2ServerResponse<Http2ServerRequest> {
  incoming: ResponseOwner | undefined;
  beforeHead: BeforeHead | undefined;

  override writeHead(status: number, reason?: unknown, headers?: unknown): this {
    if (this.beforeHead !== undefined) {
      runBeforeHead(this, status, typeof reason === 'string' ? headers : (headers ?? reason));
      return super.writeHead(status);
    }
    return typeof reason === 'string'
      ? super.writeHead(status, headers as OutgoingHttpHeaders)
      : super.writeHead(status, (headers ?? reason) as OutgoingHttpHeaders);
  }
}

/** Shows the response head to the plugins, once, before it is written. */
function runBeforeHead(response: GateResponse | GateHttp2Response, status: number, headers: unknown): void {
  const beforeHead = response.beforeHead!;
  response.beforeHead = undefined;
  response.statusCode = status;
  if (Array.isArray(headers)) {
    const flat: unknown[] = headers.flat();
    for (let i = 0; i < flat.length; i += 2) response.appendHeader(String(flat[i]), String(flat[i + 1]));
  } else if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) response.setHeader(name, value as string | string[]);
    }
  }
  if (!beforeHead(new NodeResponseHead(response))) response.destroy();
  response.incoming?.noteResponse(Number(response.getHeader('content-length') ?? 0));
}

class NodeResponseHead implements ResponseHead {
  readonly #response: GateResponse | GateHttp2Response;

  constructor(response: GateResponse | GateHttp2Response) {
    this.#response = response;
  }

  get status(): number {
    return this.#response.statusCode;
  }

  header(name: string): string | undefined {
    const value: unknown = this.#response.getHeader(name);
    if (value === undefined) return undefined;
    return Array.isArray(value) ? value.join(', ') : String(value);
  }

  setHeader(name: string, value: string): void {
    this.#check(name);
    this.#response.setHeader(name, wireValue(value));
  }

  addHeader(name: string, value: string): void {
    this.#check(name);
    this.#response.appendHeader(name, wireValue(value));
  }

  removeHeader(name: string): void {
    this.#check(name);
    this.#response.removeHeader(name);
  }

  #check(name: string): void {
    if (!isSettable(name)) throw new TypeError(`not a header that can be set on a response: ${JSON.stringify(name)}`);
  }
}

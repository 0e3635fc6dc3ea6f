/** What the transports on Node's own HTTP server have in common. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { isLoopbackCall } from '../../src/wire/loopback.ts';
import { notStored, type OAuthResponse } from '../../src/wire/response.ts';
import { booleanOption } from './options.ts';

/** How an endpoint that takes secrets may be reached. */
export interface EndpointOptions {
  /** The service for which tokens are issued. The gate's own by default. */
  readonly audience?: string | undefined;
  /**
   * `true`: whoever reaches this server came over TLS, for a proxy in front of it ends TLS and nothing else gets here.
   * By default a request in the clear is refused (RFC 6749 §3.2), unless it comes from this machine and names it.
   */
  readonly secure?: boolean | undefined;
}

export function secureOption({ secure }: EndpointOptions): boolean {
  return booleanOption('secure', secure ?? false);
}

/** Whether secrets are safe on the way here: over TLS, or because it begins on this very machine. */
export function isSafe(request: IncomingMessage): boolean {
  const { socket, headers } = request;
  if ((socket as TLSSocket).encrypted === true) return true;
  // HTTP/2 says the host in another place, which counts where both are given (RFC 9113 §8.3.1).
  const host = headers[':authority'] ?? headers.host;
  return isLoopbackCall(socket.remoteAddress ?? '', (name) => (name === 'host' ? host : headers[name])?.toString());
}

/** Every value of the header `Authorization`: Node's `headers` keeps the first alone, and HTTP/2 has no `headersDistinct`. */
export function authorizationOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === 'authorization') values.push(rawHeaders[i + 1]!);
  }
  return values;
}

/** The request-target in two parts, as they came. */
export function targetOf(request: Pick<IncomingMessage, 'url'>): { readonly path: string; readonly query: string } {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

// "temporarily_unavailable: The authorization server is currently unable to handle the request" (RFC 6749 §4.1.2.1)
/** What is told when the store cannot be asked: nothing is known then, so nobody may pass and nothing is issued. */
export const unavailable: OAuthResponse = {
  status: 503,
  headers: [['Retry-After', '1'], ...notStored],
  body: { error: 'temporarily_unavailable', error_description: 'The request could not be handled now; try again' },
};

/** Where the failure itself goes, if the program takes no interest. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

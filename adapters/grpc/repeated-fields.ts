/**
 * How many `authorization` fields the call has that grpc-js just received.
 *
 * "Clients MUST NOT use more than one method to transmit the token in each request." (RFC 6750 §2) Node's HTTP/2 keeps the
 * first of two fields and drops the others before grpc-js sees them. Only listeners of the event `stream` of Node's server
 * receive all. grpc-js does not show that server, but Node announces each server that listens.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { authorizationOf } from '../library/incoming.ts';

/** grpc-js calls interceptors synchronously in its own listener of `stream`, between the two listeners below. */
export const currentStream = { authorizations: 0 };

let watches = false;

export function watchRepeatedFields(): void {
  if (watches) return;
  watches = true;
  subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const { server } = message as { readonly server: Server };
    // Servers of another kind never emit `stream`.
    if (server.listenerCount('stream') === 0) return;
    server.prependListener('stream', (_stream, _headers, _flags, rawHeaders: string[]) => {
      currentStream.authorizations = authorizationOf({ rawHeaders }).length;
    });
    server.on('stream', () => {
      currentStream.authorizations = 0;
    });
  });
}

/** An OAuth endpoint on one of Node's own HTTP servers, with or without a framework. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Issuer } from '../../src/oauth/issuer.ts';
import { isLoopbackCall } from '../../src/wire/loopback.ts';
import type { EndpointRequest } from '../../src/wire/response.ts';
import { readBody } from '../request-body.ts';
import { largestBody } from './calls.ts';
import type { Gate } from './create-gate.ts';
import { authorizationOf, targetOf } from './incoming.ts';
import { audienceOption, booleanOption, gateArgument, secondsOption } from './options.ts';

/** Which tokens an endpoint issues, and how a client may reach it. */
export interface EndpointOptions {
  /** The service for which tokens are issued, as in `IssuerOptions.audience`. The gate's own by default. */
  readonly audience?: string | undefined;
  /**
   * `true`: every request that reaches this server came over TLS, because a proxy in front of it terminates TLS. By default
   * a request over plain HTTP is refused (RFC 6749 §3.2), unless it comes from this machine and its Host is a loopback name.
   */
  readonly secure?: boolean | undefined;
  /** Seconds to wait for the next piece of a body; then the response is 408. 60 by default. */
  readonly bodyTimeout?: number | undefined;
}

/** An endpoint that receives secrets, on a server of Node. */
export interface NodeEndpoint {
  readonly issuer: Issuer;
  /** The request with its body, which must still be unread. `context` is what the framework knows better than the connection. */
  read(request: IncomingMessage, context?: RequestContext): Promise<EndpointRequest>;
}

interface RequestContext {
  readonly secure: boolean;
  readonly from: string;
}

/** `mounted`: the function that the program mounts, for the error if it is mounted in the wrong place. */
export function nodeEndpoint(
  mounted: string,
  gate: Gate,
  { audience, secure = false, bodyTimeout }: EndpointOptions,
): NodeEndpoint {
  gateArgument(mounted, gate);
  const alwaysSecure = booleanOption('secure', secure);
  const bodyTime = bodyTimeout === undefined ? undefined : secondsOption('bodyTimeout', bodyTimeout, 1, 3600);
  return {
    issuer: gate.issuerFor(audience === undefined ? undefined : audienceOption('audience', audience)),
    async read(request, context) {
      if (request.readableDidRead)
        throw new Error(`${mounted} must be mounted before the code that reads request bodies`);
      return {
        method: request.method ?? '',
        transport: alwaysSecure || context?.secure || isSafe(request) ? 'secure' : 'plain',
        query: targetOf(request).query,
        contentType: request.headers['content-type'],
        // Two are not one of them: joined, they cannot be read, and the client is not authenticated.
        authorization: joined(authorizationOf(request)),
        realm: gate.realm,
        from: context?.from ?? request.socket.remoteAddress,
        body: await readBody(request, request.headers['content-length'], { size: largestBody, time: bodyTime }),
      };
    },
  };
}

const joined = (values: readonly string[]): string | undefined => (values.length === 0 ? undefined : values.join(', '));

/** Whether no other machine can read the secrets of this request: it came over TLS, or from this machine itself. */
function isSafe(request: IncomingMessage): boolean {
  const { socket, headers } = request;
  if ((socket as TLSSocket).encrypted === true) return true;
  // HTTP/2 sends the host as `:authority`, which takes precedence where both are there (RFC 9113 §8.3.1).
  const host = headers[':authority'] ?? headers.host;
  return isLoopbackCall(socket.remoteAddress ?? '', (name) => (name === 'host' ? host : headers[name])?.toString());
}

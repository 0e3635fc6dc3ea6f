/**
 * Decides which requests reach the Admin API (docs/decisions/0014), before anything is read. A page in a browser can
 * send requests to any address that its user can reach, but it cannot choose the headers Origin and Host. So both must
 * name the Admin API; Host also stops DNS rebinding.
 */
import type { IncomingMessage } from 'node:http';
import { type HostAndPort, isLoopbackHost, parseHost, parseHostAndPort } from '../../src/address/host.ts';
import { parseIpAddress } from '../../src/address/ip-address.ts';
import { sameSecret } from '../../src/oauth/same-secret.ts';
import { type AdminResponse, message } from './response.ts';

export interface Gatekeeping {
  /** `undefined`: none is required. */
  readonly token: string | undefined;
  /** Host names of the Admin API, in addition to loopback and the address that it listens on. `*`: any. */
  readonly allowedHosts: readonly string[];
}

/** Returns the response to a refused request; `undefined`: the request is admitted. */
export function gatekeeper({
  token,
  allowedHosts,
}: Gatekeeping): (request: IncomingMessage) => AdminResponse | undefined {
  const names = new Set(allowedHosts.map((name) => parseHost(name) ?? name));

  const isOurs = (asked: HostAndPort | undefined, { socket }: IncomingMessage): boolean =>
    asked !== undefined &&
    (names.has('*') ||
      names.has(asked.host) ||
      isLoopbackHost(asked.host) ||
      asked.host === parseIpAddress(socket.localAddress ?? ''));

  // A page of another port is another origin (RFC 6454 §5), on this machine too: any program may serve one.
  const isOurPage = (origin: string, request: IncomingMessage): boolean => {
    const [, scheme, authority] = /^(https?):\/\/(.+)$/i.exec(origin) ?? [];
    const asked = parseHostAndPort(authority ?? '');
    if (asked === undefined || !isOurs(asked, request)) return false;
    const port = asked.port ?? (scheme!.toLowerCase() === 'https' ? 443 : 80);
    return names.has('*') || names.has(asked.host) || port === request.socket.localPort;
  };

  return (request) => {
    const twice = repeatedField(request.rawHeaders);
    if (twice !== undefined) return message(400, `The header ${twice} must stand once`);
    const { host, origin } = request.headers;
    if (host !== undefined && !isOurs(parseHostAndPort(host), request)) {
      return message(421, `The Admin API is not known as '${host}' here`);
    }
    if (origin !== undefined && !isOurPage(origin, request)) {
      return message(403, `The Admin API does not serve pages of '${origin}'`);
    }
    if (token !== undefined && !presented(request).some((given) => sameSecret(given, token))) {
      return message(401, 'Unauthorized', { 'WWW-Authenticate': 'Bearer realm="admin"' });
    }
    return undefined;
  };
}

/**
 * A field that decides who asks, and for what. Node.js would use the first of two. "A server MUST respond with a 400 (Bad
 * Request) status code to … any request message that contains more than one Host header field line" (RFC 9112 §3.2).
 */
function repeatedField(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return rawHeaders.find((name, at) => {
    const field = name.toLowerCase();
    if (at % 2 === 1 || !singleFields.has(field)) return false;
    const isRepeated = seen.has(field);
    seen.add(field);
    return isRepeated;
  });
}

const singleFields = new Set(['host', 'origin', 'authorization', 'kong-admin-token', 'content-type']);

/** The tokens in Kong's header and in the one for bearer tokens. */
function presented(request: IncomingMessage): string[] {
  const { 'kong-admin-token': own, authorization } = request.headers;
  const bearer = /^bearer +(.+)$/i.exec(authorization ?? '')?.[1];
  return [own, bearer].filter((given): given is string => typeof given === 'string');
}

/**
 * Who may speak to the Admin API at all (docs/decisions/0014), decided before anything is read. A page in a browser can
 * send requests to any address its user can reach; it cannot choose the Origin, and what it calls us by stands in Host
 * (DNS rebinding). So both have to be names of ours.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type HostAndPort, isLoopbackHost, parseHost, parseHostAndPort } from '../../src/address/host.ts';
import { parseIpAddress } from '../../src/address/ip-address.ts';
import type { AdminResponse } from './response.ts';

export interface Gatekeeping {
  /** `undefined`: none is asked for. */
  readonly token: string | undefined;
  /** Names by which the Admin API is reached, beside those of loopback and the address it listens on. `*`: any. */
  readonly allowedHosts: readonly string[];
}

/** Why a request is not read; `undefined`: it is. */
export function gatekeeper({
  token,
  allowedHosts,
}: Gatekeeping): (request: IncomingMessage) => AdminResponse | undefined {
  const names = new Set(allowedHosts.map((name) => parseHost(name) ?? name));
  const proof = token === undefined ? undefined : digest(token);

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
    const { host, origin } = request.headers;
    if (host !== undefined && !isOurs(parseHostAndPort(host), request)) {
      return { status: 421, body: { message: `The Admin API is not known as '${host}' here` } };
    }
    if (origin !== undefined && !isOurPage(origin, request)) {
      return { status: 403, body: { message: `The Admin API does not serve pages of '${origin}'` } };
    }
    if (proof !== undefined && !presented(request).some((given) => timingSafeEqual(digest(given), proof))) {
      return {
        status: 401,
        headers: { 'WWW-Authenticate': 'Bearer realm="admin"' },
        body: { message: 'Unauthorized' },
      };
    }
    return undefined;
  };
}

/** Kong's own header, or the one for bearers. */
function presented(request: IncomingMessage): string[] {
  const { 'kong-admin-token': own, authorization } = request.headers;
  const bearer = /^bearer +(.+)$/i.exec(authorization ?? '')?.[1];
  return [own, bearer].filter((given): given is string => typeof given === 'string');
}

/** Of one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

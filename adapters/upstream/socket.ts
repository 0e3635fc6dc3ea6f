/** Opens the socket of an upstream connection, over TCP or TLS, and checks what waits on it. */
import { readSync } from 'node:fs';
import { connect as connectPlain, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

export interface UpstreamSettings {
  /** The default for services whose `tls_verify` is not set. */
  readonly tlsVerify: boolean;
  /** CA certificates in PEM, in place of Node's own. */
  readonly ca: string | readonly string[] | undefined;
  /** CA certificates and client certificates of services, by id, read at each handshake. */
  readonly certificates?: UpstreamCertificates | undefined;
  /** Idle connections kept for one upstream; 0: none. */
  readonly idleLimit: number;
  /** Milliseconds for which an idle connection is kept; 0: no limit. */
  readonly idleTimeout: number;
  /** Requests on one connection; 0: no limit. */
  readonly requestLimit: number;
  /** Resolves host names, in place of the system's resolver. */
  readonly lookup: LookupFunction | undefined;
}

export interface UpstreamCertificates {
  /** In PEM. */
  authorities(ids: readonly string[]): readonly string[];
  /** `undefined`: it does not exist, and the gate shows none. */
  pair(id: string): { readonly cert: string; readonly key: string } | undefined;
}

export interface OriginTls {
  readonly servername: string;
  readonly verify: boolean;
  /** Ids of CA certificates; `undefined`: those of the settings. */
  readonly authorities: readonly string[] | undefined;
  /** Its id. */
  readonly clientCertificate: string | undefined;
}

/** What a socket needs to know of its origin. */
interface Remote {
  readonly host: string;
  readonly port: number;
  readonly tls: OriginTls | undefined;
  /** The last TLS session, so that the next handshake is shorter. */
  session: Buffer | undefined;
}

export function openSocket(remote: Remote, settings: UpstreamSettings, onread: OnReadOpts): Socket | TLSSocket {
  const { host, port, tls } = remote;
  const where = {
    host,
    port,
    noDelay: true,
    onread,
    ...(settings.lookup === undefined ? {} : { lookup: settings.lookup }),
  };
  if (tls === undefined) return connectPlain(where);
  const socket = connectTls({
    ...where,
    servername: tls.servername,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: tls.verify,
    ...certificatesFor(tls, settings),
    // A resumed session would skip the check by CA and client certificates, which may have changed.
    ...(remote.session === undefined || tls.authorities !== undefined || tls.clientCertificate !== undefined
      ? {}
      : { session: remote.session }),
  });
  socket.on('session', (session) => {
    remote.session = session;
  });
  return socket;
}

function certificatesFor(
  { authorities, clientCertificate }: OriginTls,
  { ca, certificates }: UpstreamSettings,
): { ca?: string | string[]; cert?: string; key?: string } {
  const trusted = authorities === undefined ? ca : (certificates?.authorities(authorities) ?? []);
  const pair = clientCertificate === undefined ? undefined : certificates?.pair(clientCertificate);
  return { ...(trusted === undefined ? {} : { ca: trusted as string | string[] }), ...pair };
}

export type Waiting = 'nothing' | 'bytes' | 'end';

/**
 * What has arrived on a socket that the event loop has not delivered yet: bytes, or an end or a reset. Only a socket on which
 * nothing waits may be used afterwards, since this reads a byte.
 */
export function waitingOn(socket: Socket | TLSSocket): Waiting {
  const descriptor = (socket as unknown as WithHandle)._handle?.fd ?? -1;
  // Windows has no descriptors for sockets.
  if (descriptor < 0) return 'nothing';
  try {
    return readSync(descriptor, oneByte, 0, 1, null) === 0 ? 'end' : 'bytes';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'nothing' : 'end';
  }
}

/** A socket with the descriptor that it reads from. */
interface WithHandle {
  readonly _handle: { readonly fd?: number } | null;
}

const oneByte = Buffer.allocUnsafeSlow(1);

export function uncork(socket: Socket): void {
  socket.uncork();
}

/** With several addresses each has its own error; the first represents them. */
export function causeOf(
  error: (NodeJS.ErrnoException & { readonly errors?: NodeJS.ErrnoException[] }) | undefined,
): string {
  return error?.code ?? error?.errors?.[0]?.code ?? 'no connection';
}

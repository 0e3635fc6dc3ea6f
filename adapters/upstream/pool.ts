/**
 * Connections to upstreams, pooled by origin: kept while idle, the latest used first.
 *
 *   acquire ──▶ in use ⇄ idle ──▶ removed
 */
import { parseHost, serverNameFor } from '../../src/address/host.ts';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';
import type { Deadlines } from '../deadlines.ts';
import { type ConnectionPool, Origin, type ResponseReceiver, UpstreamConnection } from './connection.ts';
import type { UpstreamSettings } from './socket.ts';

export class UpstreamPool implements ConnectionPool {
  readonly settings: UpstreamSettings;
  readonly deadlines: Deadlines;
  readonly #origins = new Map<string, Origin>();
  readonly #ofService = new WeakMap<UpstreamService, Origin>();
  readonly #open = new Set<UpstreamConnection>();
  #closed = false;

  constructor(settings: UpstreamSettings, deadlines: Deadlines) {
    this.settings = settings;
    this.deadlines = deadlines;
  }

  /** `serverName`: the host of the client's request, where it is forwarded; TLS then asks for the same name. */
  origin(service: UpstreamService, serverName: string | undefined): Origin {
    const secure = service.protocol === 'https' || service.protocol === 'wss';
    const ofService = secure && serverName !== undefined ? undefined : this.#ofService.get(service);
    if (ofService !== undefined) return ofService;
    const host = parseHost(service.host) ?? service.host;
    const name = serverName ?? host;
    const tls = secure
      ? {
          servername: serverNameFor(name),
          verify: service.tlsVerify ?? this.settings.tlsVerify,
          authorities: service.caCertificates,
          clientCertificate: service.clientCertificate,
        }
      : undefined;
    const key = `${tls === undefined ? 'http' : `https ${tls.servername} ${tls.verify} ${tls.authorities?.join() ?? '*'} ${tls.clientCertificate ?? ''}`} ${host} ${service.port}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      origin = new Origin(key, host, service.port, tls);
      this.#origins.set(key, origin);
    }
    if (!secure || serverName === undefined) this.#ofService.set(service, origin);
    return origin;
  }

  /** A connection for one request. `fresh`: a new one, after an idle one turned out to be closed. */
  acquire(origin: Origin, receiver: ResponseReceiver, fresh: boolean): UpstreamConnection {
    while (!fresh) {
      const idle = origin.idle.pop();
      if (idle === undefined) break;
      if (receiver.isRepeatable || idle.waiting() === 'nothing') {
        idle.use(receiver);
        return idle;
      }
      idle.destroy();
    }
    const connection = new UpstreamConnection(this, origin, receiver);
    // Its last connection may just have been closed, and then the pool does not hold it any more.
    if (origin.connections++ === 0) this.#origins.set(origin.key, origin);
    this.#open.add(connection);
    this.deadlines.add(connection);
    return connection;
  }

  /** Keeps a connection for the next request, for some time (0: without a limit), or closes it. */
  release(connection: UpstreamConnection, milliseconds: number): void {
    const { idle } = connection.origin;
    if (this.#closed || idle.length >= this.settings.idleLimit) {
      connection.destroy();
      return;
    }
    idle.push(connection);
    connection.limit(milliseconds, performance.now());
  }

  remove(connection: UpstreamConnection): void {
    if (!this.#open.delete(connection)) return;
    const { origin } = connection;
    this.deadlines.remove(connection);
    const at = origin.idle.lastIndexOf(connection);
    if (at !== -1) origin.idle.splice(at, 1);
    // Clients choose host names, so origins without connections must not pile up.
    if (--origin.connections === 0 && this.#origins.get(origin.key) === origin) this.#origins.delete(origin.key);
  }

  /** Closes idle connections now, and the others after their response. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#open) if (connection.isIdle) connection.destroy();
  }

  destroy(): void {
    this.#closed = true;
    for (const connection of this.#open) connection.destroy();
  }
}

/**
 * One health check of a target: whether it accepts a connection (tcp), or the status of its response to a GET (http,
 * https). Reads only the status line. Resolves with the outcome, and never rejects.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parseHostAndPort, serverNameFor } from '../../src/address/host.ts';
import type { BalancedTarget } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import type { Upstream } from '../../src/balancer/upstream.ts';

/** `undefined`: it was aborted. */
export type Probe = (target: BalancedTarget, upstream: Upstream, abort: AbortSignal) => Promise<Outcome | undefined>;

export interface ProbeOptions {
  /** CA certificates in PEM, in place of Node's own. */
  readonly ca?: string | readonly string[] | undefined;
  /** The client certificate with this id, for targets that request one. */
  readonly pair?: ((id: string) => { readonly cert: string; readonly key: string } | undefined) | undefined;
}

export function probe({ ca, pair }: ProbeOptions = {}): Probe {
  return (target, upstream, abort) =>
    new Promise<Outcome | undefined>((resolve) => {
      const { host, port } = target;
      const { type, timeout, serverName, verifyCertificate } = upstream.active;
      if (abort.aborted) {
        resolve(undefined);
        return;
      }
      const clientCertificate =
        upstream.clientCertificate === undefined ? undefined : pair?.(upstream.clientCertificate);
      const name = serverName ?? parseHostAndPort(upstream.hostHeader ?? '')?.host ?? host;
      const socket: Socket =
        type === 'https'
          ? connectTls({
              host,
              port,
              servername: serverNameFor(name),
              rejectUnauthorized: verifyCertificate,
              ...(ca === undefined ? {} : { ca: ca as string | string[] }),
              ...clientCertificate,
            })
          : connectPlain({ host, port });
      const done = (outcome: Outcome | undefined) => {
        clearTimeout(timer);
        abort.removeEventListener('abort', aborted);
        socket.destroy();
        resolve(outcome);
      };
      const aborted = () => done(undefined);
      abort.addEventListener('abort', aborted);
      const timer = setTimeout(() => done({ outcome: 'timeout' }), Math.max(timeout, 1));
      // An error after the outcome has no effect.
      socket.on('error', () => done({ outcome: 'tcpFailure' }));
      socket.on('close', () => done({ outcome: 'tcpFailure' }));
      socket.on(type === 'https' ? 'secureConnect' : 'connect', () => {
        if (type === 'tcp') done({ outcome: 'connected' });
        else socket.write(requestOf(target, upstream), 'latin1');
      });
      let text = '';
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString('latin1');
        const status = statusIn(text);
        if (status !== undefined) done(status);
      });
      // `connectTls` throws if the client certificate is unusable.
    }).catch(() => ({ outcome: 'tcpFailure' }) as const);
}

function requestOf({ host, port }: BalancedTarget, { active, hostHeader }: Upstream): string {
  const name = host.includes(':') ? `[${host}]` : host;
  const usual = port === (active.type === 'https' ? 443 : 80);
  const fields = [
    ['Host', hostHeader ?? (usual ? name : `${name}:${port}`)] as const,
    ...active.headers.filter(([name]) => name.toLowerCase() !== 'host'),
    ['Connection', 'close'] as const,
  ];
  const lines = fields.map(([name, value]) => `${oneLine(name)}: ${oneLine(value)}\r\n`);
  return `GET ${active.path.replace(/[^\x21-\x7e]/g, encodeURIComponent)} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ');
}

const longestStatusLine = 8192;

/** `undefined`: the line is incomplete, or belongs to an interim response. */
function statusIn(text: string): Outcome | undefined {
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\n');
    if (end === -1) return rest.length > longestStatusLine ? { outcome: 'malformed' } : undefined;
    const status = Number(/^HTTP\/\d\.\d (\d{3})(?: |\r|$)/.exec(rest.slice(0, end))?.[1]);
    if (!(status >= 100)) return { outcome: 'malformed' };
    if (status >= 200) return { outcome: 'responded', status };
    const next = /\r?\n\r?\n/.exec(rest);
    if (next === null) return rest.length > longestStatusLine ? { outcome: 'malformed' } : undefined;
    rest = rest.slice(next.index + next[0].length);
  }
}

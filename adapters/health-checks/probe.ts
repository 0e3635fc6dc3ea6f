/**
 * Asks a target once how it is: whether it takes a connection (tcp), or what status it gives for a GET (http, https).
 * Only the status line is read. Resolves with what came of it, and never rejects.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parseHostAndPort, serverNameFor } from '../../src/address/host.ts';
import type { BalancedTarget } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import type { Upstream } from '../../src/balancer/upstream.ts';

/** `undefined`: it was given up. */
export type Probe = (target: BalancedTarget, upstream: Upstream, givenUp: AbortSignal) => Promise<Outcome | undefined>;

export interface ProbeOptions {
  /** Authorities in PEM that certificates are verified by, in the place of those Node knows. */
  readonly ca?: string | readonly string[] | undefined;
  /** The certificate with this id, for targets that ask for one. */
  readonly pair?: ((id: string) => { readonly cert: string; readonly key: string } | undefined) | undefined;
}

export function probe({ ca, pair }: ProbeOptions = {}): Probe {
  return (target, upstream, givenUp) =>
    new Promise<Outcome | undefined>((resolve) => {
      const { host, port } = target;
      const { type, timeout, serverName, verifyCertificate } = upstream.active;
      if (givenUp.aborted) {
        resolve(undefined);
        return;
      }
      const shown = upstream.clientCertificate === undefined ? undefined : pair?.(upstream.clientCertificate);
      const asked = serverName ?? parseHostAndPort(upstream.hostHeader ?? '')?.host ?? host;
      const socket: Socket =
        type === 'https'
          ? connectTls({
              host,
              port,
              servername: serverNameFor(asked),
              rejectUnauthorized: verifyCertificate,
              ...(ca === undefined ? {} : { ca: ca as string | string[] }),
              ...shown,
            })
          : connectPlain({ host, port });
      const done = (outcome: Outcome | undefined) => {
        clearTimeout(timer);
        givenUp.removeEventListener('abort', giveUp);
        socket.destroy();
        resolve(outcome);
      };
      const giveUp = () => done(undefined);
      givenUp.addEventListener('abort', giveUp);
      const timer = setTimeout(() => done({ outcome: 'timeout' }), Math.max(timeout, 1));
      // Once it is done, there may still be an error to come, which is of no interest.
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
      // A certificate that cannot be used is told at once.
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

/** `undefined`: not all of the line is there yet, or it belongs to an interim answer. */
function statusIn(text: string): Outcome | undefined {
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\n');
    if (end === -1) return rest.length > longestStatusLine ? { outcome: 'malformed' } : undefined;
    const status = Number(/^HTTP\/\d\.\d (\d{3})(?: |\r|$)/.exec(rest.slice(0, end))?.[1]);
    if (!(status >= 100)) return { outcome: 'malformed' };
    if (status >= 200) return { outcome: 'answered', status };
    const next = /\r?\n\r?\n/.exec(rest);
    if (next === null) return rest.length > longestStatusLine ? { outcome: 'malformed' } : undefined;
    rest = rest.slice(next.index + next[0].length);
  }
}

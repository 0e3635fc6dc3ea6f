import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';

/** A request as a listener hands it to the gateway, from a line like `GET /a` and its headers. */
export function request(
  line: string,
  headers: Record<string, string | readonly string[]> = {},
  also: Partial<ProxiedRequest> = {},
): ProxiedRequest {
  const [method, ...target] = line.split(' ');
  const all = { Host: '127.0.0.1', ...headers };
  const raw = Object.entries(all).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));
  const headerValues = (name: string): string[] =>
    raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === name);
  return {
    requestId: '0123456789abcdef0123456789abcdef',
    method: method!,
    target: target.join(' '),
    scheme: 'http',
    httpVersion: '1.1',
    localPort: 8000,
    peer: '127.0.0.1',
    peerTrusted: false,
    sni: undefined,
    rawHeaders: raw,
    header: (name) => headerValues(name).join(', ') || (headerValues(name).length > 0 ? '' : undefined),
    headerValues,
    readBody: () => new Uint8Array(),
    setHeader: () => undefined,
    removeHeader: () => undefined,
    editHeaders: () => undefined,
    upstreamTarget: '',
    replaceTarget: () => undefined,
    replaceBody: () => undefined,
    ...also,
  };
}

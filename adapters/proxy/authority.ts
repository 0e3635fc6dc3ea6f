import { parseHostAndPort, printedHost } from '../../src/address/host.ts';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';

/** The value of Host: with the port only where it is not the default of the scheme. */
export function authority({ host, port, protocol }: UpstreamService, hostHeader: string | undefined): string {
  if (hostHeader !== undefined && parseHostAndPort(hostHeader)?.port !== undefined) return hostHeader;
  const called = hostHeader ?? host;
  const name = called.startsWith('[') ? called : printedHost(called);
  return port === (protocol === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}

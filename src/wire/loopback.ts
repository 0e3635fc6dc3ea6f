/**
 * Whether a request may carry secrets without TLS (docs/decisions/0014): it comes from this machine, its Host is a loopback
 * name or address, and no proxy forwards it. Another Host can be an attack by a page (DNS rebinding), and behind a proxy the
 * client may be on any machine.
 */
import { isLoopbackHost, parseHostAndPort } from '../address/host.ts';
import { isLoopbackAddress, parseIpAddress } from '../address/ip-address.ts';

/** `peer`: the address at the other end of the connection. `header`: a value by its name in lower case. */
export function isLoopbackCall(peer: string, header: (name: string) => string | undefined): boolean {
  const address = parseIpAddress(peer);
  if (address === undefined || !isLoopbackAddress(address)) return false;
  const asked = parseHostAndPort(header('host') ?? '');
  if (asked === undefined || !isLoopbackHost(asked.host)) return false;
  return forwardingHeaders.every((name) => header(name) === undefined);
}

const forwardingHeaders = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'via',
] as const;

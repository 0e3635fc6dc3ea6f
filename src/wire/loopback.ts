/**
 * Whether secrets may come in the clear (docs/decisions/0014): from a caller on this very machine, who speaks to us by a
 * name of this machine and for nobody else. A name of another machine would be a page's trick (DNS rebinding), and a
 * forwarding header a proxy's, behind which anybody may stand.
 */

/** `peer`: the address at the other end of the connection. `header`: a value by its name in lower case. */
export function isLoopbackCall(peer: string, header: (name: string) => string | undefined): boolean {
  const address = peer.replace(/^::ffff:/i, '');
  if (address !== '::1' && !address.startsWith('127.')) return false;
  const host = (header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!/^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host)) return false;
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

import type { Profile } from './profile.ts';

/**
 * The redirect URI of a request (RFC 6749 §3.1.2.3), or why there is none.
 *
 * `named` is the parameter of the request, if it has one. `fallback` is the URI to which Kong sends the refusal: the first
 * registered one, never the one in the request.
 */
export type RedirectUri =
  | { readonly uri: string }
  | { readonly refused: 'unregistered' | 'missing'; readonly fallback: string | undefined };

export function effectiveRedirectUri(registered: readonly string[], named: unknown, profile: Profile): RedirectUri {
  const first = registered[0];
  if (named === undefined) {
    // "If multiple redirection URIs have been registered [...] the client MUST include a redirection URI" (RFC 6749 §3.1.2.3)
    const unambiguous = profile.unnamedRedirectUri === 'first registered' || registered.length === 1;
    if (first === undefined) return { refused: 'unregistered', fallback: undefined };
    return unambiguous ? { uri: first } : { refused: 'missing', fallback: undefined };
  }
  if (typeof named === 'string' && isRegistered(registered, named, profile)) return { uri: named };
  return { refused: 'unregistered', fallback: first };
}

/** Whether `uri` is, to the letter, one that the client registered. */
export function isRegistered(registered: readonly string[], uri: string, profile: Profile): boolean {
  // "authorization servers MUST utilize exact string matching except for port numbers in "localhost" redirection URIs of
  // native apps" (RFC 9700 §2.1)
  if (registered.includes(uri)) return true;
  return profile.loopbackPortsVary && registered.some((one) => differOnlyInLoopbackPort(one, uri));
}

// "The authorization server MUST allow any port to be specified at the time of the request for loopback IP redirect
// URIs" (RFC 8252 §7.3)
const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?(\/[^\s#\\]*)?$/;

function differOnlyInLoopbackPort(registered: string, uri: string): boolean {
  const one = loopback.exec(registered);
  const other = loopback.exec(uri);
  if (one === null || other === null) return false;
  const port = other[2] === undefined ? 80 : Number(other[2]);
  return one[1] === other[1] && (one[3] ?? '') === (other[3] ?? '') && port >= 1 && port <= 65_535;
}

import type { Profile } from './profile.ts';

/**
 * The redirect URI of a request (RFC 6749 §3.1.2.3), or why there is none.
 *
 * `named` is the parameter of the request, if it has one. `fallback` is the URI to which Kong sends the refusal: the first
 * registered one, never the one in the request.
 */
export type RedirectUri =
  | { readonly uri: string }
  | { readonly refused: 'unregistered' | 'missing' | 'insecure'; readonly fallback: string | undefined };

export function effectiveRedirectUri(registered: readonly string[], named: unknown, profile: Profile): RedirectUri {
  const first = registered[0];
  if (named === undefined) {
    // "If multiple redirection URIs have been registered [...] the client MUST include a redirection URI" (RFC 6749 §3.1.2.3)
    const unambiguous = profile.unnamedRedirectUri === 'first registered' || registered.length === 1;
    if (first === undefined) return { refused: 'unregistered', fallback: undefined };
    return unambiguous ? usable(first, profile) : { refused: 'missing', fallback: undefined };
  }
  if (typeof named === 'string' && isRegistered(registered, named, profile)) return usable(named, profile);
  return { refused: 'unregistered', fallback: first };
}

// "Authorization responses MUST NOT be transmitted over unencrypted network connections. To this end, authorization
// servers MUST NOT allow redirect URIs that use the "http" scheme except for native clients that use loopback interface
// redirection" (RFC 9700 §2.6). A client is registered for no profile, so the profile decides when the URI is used.
function usable(uri: string, profile: Profile): RedirectUri {
  const insecure = profile.secureRedirectUris && /^http:/i.test(uri) && !loopbackHost.test(uri);
  return insecure ? { refused: 'insecure', fallback: undefined } : { uri };
}

const loopbackHost = /^http:\/\/(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d*)?(?:[/?]|$)/i;

/** Why a client cannot have this redirect URI in any profile, besides a fragment; `undefined` if it can. */
export function redirectUriProblem(uri: string): string | undefined {
  // A line end would add header fields where a login page puts the URI into `Location`. RFC 3986 allows no such character.
  if (/[\x00-\x1f\x7f]/.test(uri)) return 'must not contain control characters; percent-encode them';
  // "Use of the format "user:password" in the userinfo field is deprecated" (RFC 3986 §3.2.1); `https://shop.example@evil.example/`
  // also looks like another host.
  return /^[^/?#]*\/\/[^/?#]*@/.test(uri) ? 'must not contain a user name or password before the host' : undefined;
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

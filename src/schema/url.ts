/** Splits a URL as Kong does: it accepts every text, and a missing part is `undefined`. */
export interface UrlParts {
  readonly scheme?: string;
  readonly host?: string;
  /** Text, since validation reports a port that is not a number. */
  readonly port?: string;
  readonly path?: string;
  readonly fragment?: string;
}

export function urlParts(url: string): UrlParts {
  const parts: { scheme?: string; host?: string; port?: string; path?: string; fragment?: string } = {};
  let rest = url;
  const take = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(rest);
    if (found === null) return undefined;
    rest = rest.slice(0, found.index) + rest.slice(found.index + found[0].length);
    return found[1];
  };
  const scheme = take(/^([A-Za-z0-9][A-Za-z0-9+.-]*):/);
  if (scheme !== undefined) parts.scheme = scheme;
  const authority = take(/^\/\/([^/?#]*)/);
  const fragment = take(/#(.*)$/s);
  if (fragment !== undefined) parts.fragment = fragment;
  take(/\?(.*)$/s);
  take(/;(.*)$/s);
  if (rest !== '') parts.path = rest;
  if (authority === undefined) return parts;

  let host = authority.replace(/^[^@]*@/, '');
  const port = /:([^:\]]*)$/.exec(host);
  if (port !== null) {
    host = host.slice(0, port.index);
    if (port[1] !== '') parts.port = port[1]!;
  }
  host = /^\[(.+)\]$/.exec(host)?.[1] ?? host;
  if (host !== '') parts.host = host;
  return parts;
}

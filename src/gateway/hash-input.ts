/** Finds the value of a request that is hashed: by the upstream's `hash_on`, else by its `hash_fallback` (Kong). */

import type { HashSource, Upstream } from '../balancer/upstream.ts';
import type { Exchange } from './plugin.ts';

export interface HashInput {
  /** `undefined`: the request has no value to hash. */
  readonly key: string | undefined;
  /** A Set-Cookie for the response: the client sent no cookie to hash, so the gate sets one. */
  readonly setCookie: string | undefined;
}

export function hashInput({ algorithm, hashOn }: Upstream, exchange: Exchange): HashInput {
  if (algorithm !== 'consistent-hashing') return nothing;
  for (const source of hashOn) {
    const key = foundIn(source, exchange);
    if (key !== undefined && key !== '') return { key, setCookie: undefined };
    if (source.on === 'cookie') {
      // No other request has this id, and it reveals nothing of the client.
      const value = exchange.requestId;
      return { key: value, setCookie: `${source.name}=${value}; Path=${source.path}; SameSite=Lax; HttpOnly` };
    }
  }
  return nothing;
}

const nothing: HashInput = { key: undefined, setCookie: undefined };

function foundIn(source: HashSource, exchange: Exchange): string | undefined {
  const { request, identity } = exchange;
  switch (source.on) {
    case 'consumer':
      return identity?.consumer?.id ?? identity?.credential?.id;
    case 'ip':
      return exchange.clientAddress;
    case 'path':
      return exchange.path;
    case 'header':
      return request.header(source.name);
    case 'cookie':
      return cookieOf(request.header('cookie'), source.name);
    case 'query_arg':
      return argumentOf(request.target, source.name);
    case 'uri_capture': {
      const captures = exchange.captures?.();
      return captures?.named.get(source.name) ?? captures?.numbered[Number(source.name)];
    }
  }
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  // Several header lines were joined by a comma, which no cookie holds (RFC 6265 §4.1.1).
  for (const pair of header?.split(/[;,]/) ?? []) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** The order of several values does not matter (Kong). */
function argumentOf(target: string, name: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : new URLSearchParams(target.slice(mark + 1)).getAll(name).sort().join(',');
}

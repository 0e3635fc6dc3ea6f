/** A set of scope tokens, in the order of the request (RFC 6749 §3.3). Empty when none was granted. */
export type Scope = readonly string[];

// "scope-token = 1*( %x21 / %x23-5B / %x5D-7E )" (RFC 6749 §3.3)
const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** The scope tokens of `text`, split at ASCII blanks (no others: they are part of a wrong token), each once. They are not validated here. */
export function splitScope(text: string): Scope {
  return [...new Set(text.split(/[ \t\n\v\f\r]+/).filter((token) => token !== ''))];
}

export function isScopeToken(text: string): boolean {
  return scopeToken.test(text);
}

export function isWithin(asked: Scope, allowed: Scope): boolean {
  return asked.every((token) => allowed.includes(token));
}

export function sameScope(one: Scope, other: Scope): boolean {
  return one.length === other.length && isWithin(one, other);
}

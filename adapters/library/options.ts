/** Checks of options for `createGate` and the transports: a wrong value or an unknown name throws when the program starts. */
import { isScopeToken, type Scope } from '../../src/oauth/scope.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { nearest } from '../configuration/suggestion.ts';

/** An option has a value that is not allowed, or an unknown name. Always a bug of the program, never of a client. */
export class InvalidOption extends TypeError {
  override readonly name = 'InvalidOption';
  /** The name of the option, with its path: `clients[0].redirectUris`. */
  readonly option: string;
  constructor(option: string, problem: string) {
    super(`${option} ${problem}`);
    this.option = option;
  }
}

/** Throws if `options` is not an object or has a name that is not in `known`. */
export function knownOptions(of: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOption(of, 'must be an object');
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new InvalidOption(
      name,
      `is not an option of ${of}${meant === undefined ? `; the options are ${known.join(', ')}` : `; did you mean ${meant}?`}`,
    );
  }
}

/** A list of scope tokens (RFC 6749 §3.3). */
export function scopesOption(name: string, value: unknown): Scope {
  if (typeof value === 'string')
    throw new InvalidOption(name, `must be a list: ['${value.split(/\s+/).join("', '")}']`);
  if (!Array.isArray(value)) throw new InvalidOption(name, 'must be a list of scope tokens');
  const wrong = value.find((token) => typeof token !== 'string' || !isScopeToken(token));
  if (wrong !== undefined) {
    throw new InvalidOption(name, `has a scope token that RFC 6749 §3.3 does not allow: ${JSON.stringify(wrong)}`);
  }
  return [...new Set(value as readonly string[])];
}

/** The name of a service, the audience of tokens. */
export function audienceOption(name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(value)) {
    throw new InvalidOption(name, 'must be the name of a service: 1 to 200 printable ASCII characters without blanks');
  }
  return value;
}

export function booleanOption(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidOption(name, 'must be true or false');
  return value;
}

/** Whole seconds; returns milliseconds. */
export function secondsOption(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new InvalidOption(name, `must be a whole number of seconds from ${least} to ${most}`);
  }
  return value * 1000;
}

/** What an access token must have for a resource. */
export interface Requirement {
  /** The scope tokens that the access token must have, all of them. None by default. */
  readonly scopes?: readonly string[] | undefined;
  /** The service that the access token must be issued for, as in `IssuerOptions.audience`. The gate's own by default. */
  readonly audience?: string | undefined;
}

export const requirementOptions = ['scopes', 'audience'] as const;

/** Checks the form of a requirement. `Gate.requirement` also checks that the gate can issue such a token. */
export function readRequirement(of: string, given: Requirement): Requirement {
  knownOptions(of, given, requirementOptions);
  const { scopes, audience } = given;
  return {
    scopes: scopes === undefined ? [] : scopesOption('scopes', scopes),
    audience: audience === undefined ? undefined : audienceOption('audience', audience),
  };
}

/** The first argument of a transport. */
export function gateArgument<G extends { readonly checkRequest: unknown }>(of: string, gate: G): G {
  if (typeof gate?.checkRequest !== 'function') {
    throw new InvalidOption(of, 'must receive a gate, made with createGate, as its first argument');
  }
  return gate;
}

/** A function, or `otherwise` if there is none. */
export function functionOption<F>(name: string, value: F | undefined, otherwise: F): F {
  if (value === undefined) return otherwise;
  if (typeof value !== 'function') throw new InvalidOption(name, 'must be a function');
  return value;
}

/** The clock of a gate or a store. */
export function clockOption(clock: Clock): Clock {
  if (typeof clock?.now !== 'function')
    throw new InvalidOption('clock', 'must have a function now() that returns milliseconds');
  return clock;
}

/** A path that begins with a slash and does not end with one. */
export function pathOption(name: string, value: unknown, example: string): string {
  if (typeof value !== 'string' || !/^(\/[^/?#\s]+)+$/.test(value)) {
    throw new InvalidOption(name, `must be a path like '${example}'`);
  }
  return value;
}

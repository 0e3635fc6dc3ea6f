/** How an upstream is told who calls: Kong's headers, the same for every plugin that authenticates. */
import type { Consumer } from '../oauth/client.ts';
import type { Exchange, Identity } from './plugin.ts';

/**
 * Notes who calls, and says so upstream. A later plugin that authenticates takes the word from an earlier one (Kong: of
 * two that both must pass, the last names the consumer).
 */
export function identify(exchange: Exchange, identity: Identity): void {
  const { request } = exchange;
  const { consumer, credential, anonymous } = identity;
  exchange.identity = identity;
  say(exchange, 'X-Consumer-ID', consumer?.id);
  say(exchange, 'X-Consumer-Custom-ID', consumer?.customId);
  say(exchange, 'X-Consumer-Username', consumer?.username);
  say(exchange, 'X-Credential-Identifier', credential?.identifier);
  if (anonymous) request.setHeader('X-Anonymous-Consumer', 'true');
  else request.removeHeader('X-Anonymous-Consumer');
}

/** Sets a header of the upstream request, or takes it out. */
export function say({ request }: Exchange, name: string, value: string | undefined): void {
  if (value === undefined) request.removeHeader(name);
  else request.setHeader(name, value);
}

/** The consumer whom a plugin names for callers it could not authenticate (Kong's `anonymous`). */
export function identifyAnonymous(exchange: Exchange, consumer: Consumer): void {
  identify(exchange, { consumer, anonymous: true, credential: undefined });
}

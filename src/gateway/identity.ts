/** How an upstream is told who calls: Kong's headers, the same for every plugin that authenticates. */
import type { Consumer } from '../oauth/client.ts';
import { type HeaderEdits, preparedEdits } from './header-hygiene.ts';
import type { Exchange, Identity } from './plugin.ts';

/** Who calls, and how an upstream is told so. Made once for all requests of the same caller. */
export interface Introduction {
  readonly identity: Identity;
  readonly edits: HeaderEdits;
}

/** `further`: what a plugin tells besides; a name without a value is taken out. */
export function introduction(
  identity: Identity,
  further: readonly (readonly [name: string, value: string | undefined])[] = [],
): Introduction {
  const { consumer, credential, anonymous } = identity;
  const edits = preparedEdits([
    ['X-Consumer-ID', consumer?.id],
    ['X-Consumer-Custom-ID', consumer?.customId],
    ['X-Consumer-Username', consumer?.username],
    ['X-Credential-Identifier', credential?.identifier],
    ['X-Anonymous-Consumer', anonymous ? 'true' : undefined],
    ...further,
  ]);
  return { identity, edits };
}

/**
 * Notes who calls, and says so upstream. A later plugin that authenticates takes the word from an earlier one (Kong: of
 * two that both must pass, the last names the consumer).
 */
export function introduce(exchange: Exchange, { identity, edits }: Introduction): void {
  exchange.identity = identity;
  exchange.request.editHeaders(edits);
}

/** The same for a caller who is not remembered. */
export function identify(exchange: Exchange, identity: Identity): void {
  introduce(exchange, introduction(identity));
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

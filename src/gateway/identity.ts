/** Kong's headers that identify the caller to an upstream, the same for every plugin that authenticates. */
import type { Consumer } from '../oauth/client.ts';
import { type HeaderEdits, preparedEdits } from './header-hygiene.ts';
import type { Exchange, Identity } from './plugin.ts';

/** A caller, and the headers that identify it to an upstream. Made once for all requests of the same caller. */
export interface Introduction {
  readonly identity: Identity;
  readonly edits: HeaderEdits;
}

/** `further`: more headers of a plugin; a name without a value is removed. */
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
 * Sets the identity of an exchange and the headers for the upstream. A later plugin that authenticates replaces what an
 * earlier one set (Kong: if both must pass, the last one names the consumer).
 */
export function introduce(exchange: Exchange, { identity, edits }: Introduction): void {
  exchange.identity = identity;
  exchange.request.editHeaders(edits);
}

/** The same for a caller that is not cached. */
export function identify(exchange: Exchange, identity: Identity): void {
  introduce(exchange, introduction(identity));
}

/** Sets the consumer that a plugin has for callers that it could not authenticate (Kong's `anonymous`). */
export function identifyAnonymous(exchange: Exchange, consumer: Consumer): void {
  identify(exchange, { consumer, anonymous: true, credential: undefined });
}

/**
 * Rows with a `ttl` (Kong's API keys have one): the store holds the time of expiry, the Admin API shows the number of
 * seconds left.
 */
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import type { KindHooks } from './kind-hooks.ts';

export function expiringRowHooks(clock: Clock): KindHooks {
  return {
    hasExpired(stored) {
      const expiresAt = expiryOf(stored);
      return expiresAt !== undefined && expiresAt <= clock.now();
    },

    shown(stored) {
      const expiresAt = expiryOf(stored);
      const { expires_at: _, ...rest } = stored;
      return { ...rest, ttl: expiresAt === undefined ? null : Math.ceil((expiresAt - clock.now()) / 1000) } as Entity;
    },

    stored(row, before) {
      const { ttl } = row;
      if (typeof ttl !== 'number') return row;
      // In Kong, 0 means that the row never expires.
      if (ttl === 0) return { ...row, ttl: null };
      const unchanged = before?.shown['ttl'] === ttl ? expiryOf(before.stored) : undefined;
      return { ...row, expires_at: unchanged ?? clock.now() + ttl * 1000 };
    },
  };
}

/**
 * Milliseconds since the epoch; `undefined`: never. The TTL of a row from a configuration file counts from its time of
 * creation.
 */
function expiryOf(row: Entity): number | undefined {
  const { expires_at: expiresAt, created_at: createdAt, ttl } = row;
  if (typeof expiresAt === 'number') return expiresAt;
  if (typeof ttl !== 'number' || ttl === 0 || typeof createdAt !== 'number') return undefined;
  return (createdAt + ttl) * 1000;
}

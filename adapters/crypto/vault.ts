/**
 * Everything that is derived from the master key: digests to look secrets up by, and sealed copies of secrets that must be
 * printed again.
 *
 *     master key ─HKDF (RFC 5869)─┬─ digest key: HMAC-SHA-256
 *                                 ├─ seal key:   AES-256-GCM
 *                                 └─ further keys, by name
 *
 * Each digest and each sealed value begins with the id of its key. After a rotation the gate writes with the new key, and
 * still finds and opens values of the previous keys.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Vault } from '../../src/ports/vault.ts';

export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** The id of the key that made a digest or a sealed value. */
function keyIdOf(digestOrSealed: string): string {
  return digestOrSealed.slice(0, digestOrSealed.indexOf('.'));
}

export function openVault(keys: { readonly current: Uint8Array; readonly previous?: readonly Uint8Array[] }): Vault {
  const current = keyring(keys.current);
  const rings = new Map(
    [current, ...(keys.previous ?? []).map(keyring)].map((ring) => [ring.id, ring] as const).reverse(),
  );
  const all = [current, ...[...rings.values()].reverse().filter(({ id }) => id !== current.id)];

  return {
    keyId: current.id,
    keyIds: all.map(({ id }) => id),
    digest: (purpose, value) => digest(current, purpose, value),
    candidates: (purpose, value) => all.map((ring) => digest(ring, purpose, value)),
    seal: (purpose, value) => seal(current, purpose, value),
    unseal(purpose, sealed) {
      const ring = rings.get(keyIdOf(sealed));
      if (ring === undefined)
        throw new SealBroken(`sealed with a key that is neither the current key nor a previous one`);
      return unseal(ring, purpose, sealed.slice(ring.id.length + 1));
    },
    checkValue(keyId) {
      const ring = rings.get(keyId);
      return ring === undefined ? undefined : digest(ring, 'check value', '');
    },
    derive: (use) => derived(keys.current, `use: ${use}`, 32),
  };
}

interface Keyring {
  readonly id: string;
  readonly digestKey: Buffer;
  readonly sealKey: Buffer;
}

function keyring(master: Uint8Array): Keyring {
  return {
    id: derived(master, 'id', 6).toString('base64url'),
    digestKey: derived(master, 'digest', 32),
    sealKey: derived(master, 'seal', 32),
  };
}

function derived(master: Uint8Array, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `portcullis 1 ${info}`, length));
}

function digest({ id, digestKey }: Keyring, purpose: string, value: string): string {
  // The length keeps the purpose apart from the value, whatever the two contain.
  return `${id}.${createHmac('sha256', digestKey).update(`${purpose.length}:${purpose}${value}`).digest('base64url')}`;
}

const saltLength = 16;
const nonceLength = 12;
const tagLength = 16;

/**
 * Each message has its own key, derived from the seal key and a random salt. With one key for all messages, random nonces of
 * 96 bits would be safe for 2^32 messages only (NIST SP 800-38D §8.3), which a busy gate reaches in days.
 */
function messageKey({ sealKey }: Keyring, salt: Uint8Array): Buffer {
  return createHmac('sha256', sealKey).update(salt).digest();
}

function seal(ring: Keyring, purpose: string, value: string): string {
  const random = randomBytes(saltLength + nonceLength);
  const key = messageKey(ring, random.subarray(0, saltLength));
  const cipher = createCipheriv('aes-256-gcm', key, random.subarray(saltLength)).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([random, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${ring.id}.${sealed.toString('base64url')}`;
}

function unseal(ring: Keyring, purpose: string, text: string): string {
  const sealed = Buffer.from(text, 'base64url');
  if (sealed.length < saltLength + nonceLength + tagLength) throw new SealBroken('too short to be a sealed value');
  const key = messageKey(ring, sealed.subarray(0, saltLength));
  const nonce = sealed.subarray(saltLength, saltLength + nonceLength);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(sealed.subarray(-tagLength));
  try {
    const opened = decipher.update(sealed.subarray(saltLength + nonceLength, -tagLength));
    return Buffer.concat([opened, decipher.final()]).toString('utf8');
  } catch {
    throw new SealBroken('changed since it was sealed, or sealed for another purpose');
  }
}

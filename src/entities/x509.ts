/** Checks certificates and keys in PEM. It reads nothing but the text. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

export function checkCertificate(pem: string): string | undefined {
  return certificateIn(pem) === undefined ? 'invalid certificate: not a certificate in PEM form' : undefined;
}

export function checkPrivateKey(pem: string): string | undefined {
  if (privateKeyIn(pem) !== undefined) return undefined;
  return /ENCRYPTED/.test(pem) ? 'invalid key: locked by a passphrase' : 'invalid key: not a private key in PEM form';
}

/** Both must be valid. */
export function belongTogether(certificate: string, key: string): boolean {
  const privateKey = privateKeyIn(key);
  return privateKey !== undefined && certificateIn(certificate)?.checkPrivateKey(privateKey) === true;
}

/** `rsa`, `ec`, … */
export function keyTypeOf(certificate: string): string | undefined {
  return certificateIn(certificate)?.publicKey.asymmetricKeyType;
}

/** The reason why a certificate is not a CA certificate. */
export function checkAuthority(pem: string): string | undefined {
  if ((pem.match(/-----BEGIN CERTIFICATE-----/g) ?? []).length > 1) {
    return 'please submit only one certificate at a time';
  }
  if (certificateIn(pem)?.ca === true) return undefined;
  return 'certificate does not appear to be a CA because it is missing the "CA" basic constraint';
}

/** SHA-256 of the certificate, in hex. */
export function certificateDigest(pem: string): string | undefined {
  return certificateIn(pem)?.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The first certificate of a chain. */
function certificateIn(pem: string): X509Certificate | undefined {
  const [first] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem) ?? [];
  if (first === undefined) return undefined;
  try {
    return new X509Certificate(first);
  } catch {
    return undefined;
  }
}

function privateKeyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

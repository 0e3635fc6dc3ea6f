/**
 * The certificate of the TLS listeners: the operator's files, or the gate's own certificate. The gate makes that one at the
 * first start (ECDSA P-256, for localhost, this machine's name and the loopback addresses), keeps it in the state directory,
 * and replaces it before it expires. Clients do not trust it by default: it is for first steps and for loopback.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { makeCertificate } from './own-certificate.ts';

export interface ServerCertificate {
  /** PEM, the chain after it. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** The file of the certificate. For the gate's own, clients pass it with `--cacert`. */
  readonly path: string;
  readonly expiresAt: Date;
  /** `made`: by this start; `kept`: from an earlier start; `given`: by the operator. */
  readonly origin: 'made' | 'kept' | 'given';
  readonly warnings: readonly string[];
}

/** The message names the file and what to do. */
export class UnusableCertificate extends Error {
  override readonly name = 'UnusableCertificate';
}

export interface CertificateSource {
  readonly tlsFiles: { readonly certificate: string; readonly key: string } | undefined;
  readonly stateDirectory: string;
  /** The setting that names the certificate, for messages; that of the key has `_key` after it. */
  readonly setting?: string;
}

/** Returns the same certificate at each call, until it has to be replaced. */
export async function serverCertificate(
  { tlsFiles, stateDirectory, setting = 'ssl_cert' }: CertificateSource,
  host: { readonly now: Date; readonly name: string },
): Promise<ServerCertificate> {
  return tlsFiles === undefined
    ? ownCertificate(join(stateDirectory, 'tls'), host)
    : givenCertificate(tlsFiles, setting, host.now);
}

const days = 24 * 60 * 60 * 1000;
const lifetime = 365 * days;
const renewedBefore = 30 * days;

async function ownCertificate(
  directory: string,
  host: { readonly now: Date; readonly name: string },
): Promise<ServerCertificate> {
  const paths = { certificate: join(directory, 'portcullis.crt'), key: join(directory, 'portcullis.key') };
  const kept = await keptPair(paths, host.now);
  if (kept !== undefined) return kept;

  const expiresAt = new Date(host.now.getTime() + lifetime);
  const pair = await makeCertificate({ hostName: host.name, from: new Date(host.now.getTime() - days), to: expiresAt });
  await replaceFile(paths.key, pair.key, 0o600);
  await replaceFile(paths.certificate, pair.certificate, 0o644);
  return { ...pair, path: paths.certificate, expiresAt, origin: 'made', warnings: [] };
}

/** The pair of an earlier start, unless there is none, it is about to expire, or its two files do not belong together. */
async function keptPair(
  paths: { readonly certificate: string; readonly key: string },
  now: Date,
): Promise<ServerCertificate | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(paths.certificate), readIfThere(paths.key)]);
  if (certificate === undefined || key === undefined) return undefined;
  const parsed = parse(certificate, key);
  if (parsed === undefined || !parsed.certificate.checkPrivateKey(parsed.key)) return undefined;
  const expiresAt = parsed.certificate.validToDate;
  if (expiresAt.getTime() - now.getTime() < renewedBefore || parsed.certificate.validFromDate > now) return undefined;

  const warnings: string[] = [];
  if (await isOpenToOthers(paths.key)) {
    await chmod(paths.key, 0o600);
    warnings.push(`${paths.key} was readable by other users of this machine; its mode is now 600`);
  }
  return { certificate, key, path: paths.certificate, expiresAt, origin: 'kept', warnings };
}

function parse(certificate: string, key: string): { certificate: X509Certificate; key: KeyObject } | undefined {
  try {
    return { certificate: new X509Certificate(certificate), key: createPrivateKey(key) };
  } catch {
    return undefined;
  }
}

async function givenCertificate(
  files: { readonly certificate: string; readonly key: string },
  setting: string,
  now: Date,
): Promise<ServerCertificate> {
  const [certificate, key] = await Promise.all([
    readGiven(setting, files.certificate),
    readGiven(`${setting}_key`, files.key),
  ]);
  const chain = certificatesIn(certificate, files.certificate, setting);
  const privateKey = privateKeyIn(key, files.key, setting);
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(privateKey)) {
    const later = chain.some((other) => other.checkPrivateKey(privateKey));
    throw new UnusableCertificate(
      later
        ? `${setting}: ${files.certificate} does not begin with the certificate of the key; put that one first, then those of its issuers`
        : `${setting}_key: the key in ${files.key} does not belong to the certificate in ${files.certificate}`,
    );
  }
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw new UnusableCertificate(
      `${setting}: ${files.certificate} cannot be used for TLS (${(error as Error).message})`,
    );
  }
  const warnings: string[] = [];
  if (leaf.validToDate <= now) warnings.push(`the certificate in ${files.certificate} expired on ${leaf.validTo}`);
  else if (leaf.validFromDate > now)
    warnings.push(`the certificate in ${files.certificate} is not valid before ${leaf.validFrom}`);
  if (await isOpenToOthers(files.key))
    warnings.push(`${files.key} is readable by every user of this machine; change its mode to 600`);
  return { certificate, key, path: files.certificate, expiresAt: leaf.validToDate, origin: 'given', warnings };
}

function certificatesIn(text: string, path: string, setting: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new UnusableCertificate(`${setting}: ${path} holds no certificate in PEM form`);
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new UnusableCertificate(`${setting}: certificate ${at + 1} of ${path} cannot be read`);
    }
  });
}

function privateKeyIn(text: string, path: string, setting: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const locked = (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE' || /ENCRYPTED/.test(text);
    throw new UnusableCertificate(
      locked
        ? `${setting}_key: ${path} is locked by a passphrase; write one without: openssl pkey -in ${path} -out unlocked.key`
        : `${setting}_key: ${path} holds no private key in PEM form`,
    );
  }
}

async function readGiven(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UnusableCertificate(`${setting}: ${path} cannot be read: ${reasonOf(error)}`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UnusableCertificate(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

/** A reader of the file never sees it incomplete. */
async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(unfinished, text, { mode });
    await rename(unfinished, path);
  } catch (error) {
    throw new UnusableCertificate(`${path} cannot be written: ${reasonOf(error)}; name another state_dir`);
  }
}

async function isOpenToOthers(path: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(path)).mode & 0o007) !== 0;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : message;
}

/** Makes a self-signed certificate for this machine. Loads the library only now: most starts of a gate do not need it. */
import { isHostName, normalHostName } from '../../src/address/host.ts';

export async function makeCertificate({
  hostName,
  from,
  to,
}: {
  readonly hostName: string;
  readonly from: Date;
  readonly to: Date;
}): Promise<{ certificate: string; key: string }> {
  const { generate } = await import('selfsigned');
  const pair = await generate([{ name: 'commonName', value: 'portcullis' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: from,
    notAfterDate: to,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...namesOf(hostName).map((value) => ({ type: 2 as const, value })),
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificate: `${pair.cert.trim()}\n`, key: pair.private };
}

/** A machine's name can be any text. Only a valid DNS name goes into the certificate. */
function namesOf(hostName: string): string[] {
  const name = normalHostName(hostName);
  return isHostName(name) && name !== 'localhost' ? ['localhost', name] : ['localhost'];
}

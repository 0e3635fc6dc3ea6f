/**
 * Makes a self-signed certificate for this machine. The library is loaded here and now: a gate whose certificate is
 * there already never needs it.
 */
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

/** The machine's name may be anything its owner typed; only one that DNS knows as a name goes into a certificate. */
function namesOf(hostName: string): string[] {
  const name = hostName.toLowerCase();
  const wellFormed = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(name);
  return wellFormed && name.length <= 253 && name !== 'localhost' ? ['localhost', name] : ['localhost'];
}

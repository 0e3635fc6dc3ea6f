/**
 * The certificate of the TLS listeners for as long as the gate runs. It is looked at again each day and whenever the
 * operator says `reload`; another one than before is handed on. One that cannot be used changes nothing: what was served
 * is served on.
 */
import type { ServerCertificate } from './server-certificate.ts';

export interface RenewedCertificate {
  readonly current: ServerCertificate;
  /** Told of each one that takes the place of the one before. */
  onRenewed(listener: (certificate: ServerCertificate) => void): void;
  /** Never rejects: what is wrong is told to `failed`. */
  lookAgain(): Promise<void>;
}

export interface CertificateReport {
  readonly warned: (warning: string) => void;
  readonly renewed: (certificate: ServerCertificate) => void;
  readonly failed: (error: unknown) => void;
}

/** Looks for the first time, and rejects if there is none that can be used. */
export async function renewedCertificate(
  look: () => Promise<ServerCertificate>,
  report: CertificateReport,
): Promise<RenewedCertificate> {
  const listeners: ((certificate: ServerCertificate) => void)[] = [];
  let current = await look();
  for (const warning of current.warnings) report.warned(warning);
  return {
    get current() {
      return current;
    },
    onRenewed(listener) {
      listeners.push(listener);
    },
    async lookAgain() {
      try {
        const found = await look();
        for (const warning of found.warnings) report.warned(warning);
        if (found.certificate === current.certificate && found.key === current.key) return;
        current = found;
        for (const listener of listeners) listener(found);
        report.renewed(found);
      } catch (error) {
        report.failed(error);
      }
    },
  };
}

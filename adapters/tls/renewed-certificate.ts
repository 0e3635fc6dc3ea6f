/**
 * The certificate of the TLS listeners while the gate runs. It is loaded again each day and at each `reload`. If it has
 * changed, the listeners get the new one. If it is unusable, the listeners keep the old one.
 */
import type { ServerCertificate } from './server-certificate.ts';

export interface RenewedCertificate {
  readonly current: ServerCertificate;
  /** Calls the listener with each new certificate. */
  onRenewed(listener: (certificate: ServerCertificate) => void): void;
  /** Never rejects: errors go to `failed`. */
  reload(): Promise<void>;
}

export interface CertificateReport {
  readonly warned: (warning: string) => void;
  readonly renewed: (certificate: ServerCertificate) => void;
  readonly failed: (error: unknown) => void;
}

/** Loads the certificate for the first time, and rejects if it is unusable. */
export async function renewedCertificate(
  load: () => Promise<ServerCertificate>,
  report: CertificateReport,
): Promise<RenewedCertificate> {
  const listeners: ((certificate: ServerCertificate) => void)[] = [];
  let current = await load();
  for (const warning of current.warnings) report.warned(warning);
  return {
    get current() {
      return current;
    },
    onRenewed(listener) {
      listeners.push(listener);
    },
    async reload() {
      try {
        const found = await load();
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

/**
 * Puts the gate together. Each module in `composition-root/` holds one wing and says what its parts are made of; these
 * modules are the only code that knows inversify. Nothing is resolved during a request.
 */
import { Container } from 'inversify';
import { foundation } from './composition-root/foundation.ts';
import { gateway } from './composition-root/gateway.ts';
import { oauth } from './composition-root/oauth.ts';
import { operations } from './composition-root/operations.ts';
import { partOf, type Token, tokens } from './composition-root/parts.ts';
import { proxy } from './composition-root/proxy.ts';
import { stores } from './composition-root/stores.ts';
import type { Configuration } from './configuration.ts';
import type { Log } from './logging.ts';

/** A gate that listens. */
export interface OpenGate {
  readonly proxy: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  readonly admin: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  readonly status: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  /**
   * Reads the configuration file and the certificates of TLS listeners again, and logs the outcome. A file that cannot be
   * used changes nothing.
   */
  reload(): Promise<void>;
  /** Accepts no new connections, lets requests in flight finish within the drain limit, and closes the store. */
  close(): Promise<void>;
}

/** Opens the gate, or rejects with an error that says why it cannot be opened; then nothing is left open. */
export async function openGate(configuration: Configuration, io: { readonly log?: Log } = {}): Promise<OpenGate> {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(foundation(configuration, io.log), stores, oauth, gateway, proxy, operations);
  const part = <T>(token: Token<T>): Promise<T> => partOf(container, token);
  try {
    const progress = await part(tokens.progress);
    // First, so that a balancer learns that the gate is starting.
    const status = await part(tokens.status);
    progress.store = await part(tokens.entityStore);
    const file = await part(tokens.file);
    progress.file = file;
    progress.snapshot = await part(tokens.snapshot);
    const listeners = await part(tokens.proxy);
    progress.proxy = listeners;
    const admin = await part(tokens.admin);
    const certificates = await Promise.all([part(tokens.tlsCertificate), part(tokens.adminCertificate)]);
    const log = await part(tokens.log);
    progress.phase = 'serving';
    return {
      proxy: listeners.addresses.map(({ address, port }, at) => ({
        host: address,
        port,
        ssl: configuration.proxyListen[at]!.ssl,
      })),
      admin: admin.addresses,
      status: status.addresses,
      async reload() {
        const renewed = certificates.flatMap((certificate) => certificate.renewed ?? []);
        if (configuration.config === undefined && renewed.length === 0) {
          log.info('there is no configuration file and no certificate to read again');
        }
        await Promise.all([file.reload(), ...renewed.map((certificate) => certificate.reload())]);
      },
      async close() {
        progress.phase = 'draining';
        const { drainLimit: graceful } = configuration;
        const drained = listeners.close({ graceful });
        await Promise.all([drained, admin.close({ graceful, othersClosed: drained })]);
        await container.unbindAllAsync();
      },
    };
  } catch (error) {
    await container.unbindAllAsync();
    throw error;
  }
}

/**
 * Puts the gate together. Each module in `composition-root/` holds one wing and says what its parts are made of; these
 * modules are the only code that knows inversify. Nothing is resolved during a request.
 */
import { Container } from 'inversify';
import { foundation } from './composition-root/foundation.ts';
import { gateway } from './composition-root/gateway.ts';
import { oauth } from './composition-root/oauth.ts';
import { operations } from './composition-root/operations.ts';
import { partOf, tokens } from './composition-root/parts.ts';
import { proxy } from './composition-root/proxy.ts';
import { stores } from './composition-root/stores.ts';
import type { Configuration } from './configuration.ts';
import type { Log } from './logging.ts';

/** A gate that listens. */
export interface OpenGate {
  readonly proxy: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  readonly admin: readonly { readonly host: string; readonly port: number }[];
  /**
   * Reads the configuration file and the certificate of the TLS listeners again, and logs the outcome. A file that cannot
   * be used changes nothing.
   */
  reload(): Promise<void>;
  /** Accepts no new connections, lets requests in flight finish within the drain limit, and closes the store. */
  close(): Promise<void>;
}

/** Opens the gate, or rejects with an error that says why it cannot be opened; then nothing is left open. */
export async function openGate(configuration: Configuration, io: { readonly log?: Log } = {}): Promise<OpenGate> {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(foundation(configuration, io.log), stores, oauth, gateway, proxy, operations);
  try {
    const file = await partOf(container, tokens.file);
    const listeners = await partOf(container, tokens.proxy);
    const admin = await partOf(container, tokens.admin);
    const { renewed } = await partOf(container, tokens.tlsCertificate);
    return {
      proxy: listeners.addresses.map(({ address, port }, at) => ({
        host: address,
        port,
        ssl: configuration.proxyListen[at]!.ssl,
      })),
      admin: admin.addresses,
      async reload() {
        await file.reload();
        await renewed?.reload();
      },
      async close() {
        await admin.close();
        await listeners.close({ graceful: configuration.drainLimit });
        await container.unbindAllAsync();
      },
    };
  } catch (error) {
    await container.unbindAllAsync();
    throw error;
  }
}

/** Opens the Admin API at its listeners. */
import { type AdminApiOptions, adminApi } from './admin-api.ts';
import { type OpenListeners, type OperatorAddress, type OperatorCertificate, openListeners } from './listeners.ts';

export async function openAdmin(
  listen: readonly OperatorAddress[],
  options: AdminApiOptions & {
    readonly failed: (error: unknown) => void;
    /** For listeners with TLS. */
    readonly certificate?: OperatorCertificate;
  },
): Promise<OpenListeners> {
  const app = adminApi(options);
  app.silent = true;
  app.on('error', options.failed);
  return openListeners(listen, options.certificate, app.callback());
}

import { createServer } from 'node:http';
import {
  type AuthorizationPageOptions,
  authorizationPage,
} from '../../examples/authorization-page/authorization-page.ts';
import type { TestGate } from '../support/open-test-gate.ts';
import { listening } from '../transports/listening.ts';

/** The example of an authorization page, for the service of `guardedApi` on this gate. */
export async function openAuthorizationPage(
  gate: TestGate,
  logIn: AuthorizationPageOptions['logIn'],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const app = authorizationPage({
    admin: gate.admin,
    service: `${gate.proxy}/api`,
    provisionKey: 'the provision key',
    logIn,
  });
  const { port, close } = await listening(createServer(app.callback()));
  return { url: `http://127.0.0.1:${port}`, close };
}

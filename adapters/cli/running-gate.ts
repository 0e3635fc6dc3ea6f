/** Calls the Admin API of the gate that runs with these settings. */
import { isLoopbackHost, printedHostAndPort } from '../../src/address/host.ts';
import { inEnvironment } from '../configuration/sources.ts';
import type { CommandLine } from './command-line.ts';
import { settingsFrom } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface AdminApiResponse {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of the gate
  readonly body: any;
}

/** Returns the response, or writes to `err` why there is none and returns the exit status. */
export async function callRunningGate(
  { flags }: CommandLine,
  terminal: Terminal,
  method: 'GET' | 'POST',
  path: string,
): Promise<AdminApiResponse | number> {
  const { err } = terminal;
  const read = settingsFrom(flags, terminal);
  if (read === undefined) return 2;
  const { adminListen, adminToken } = read.configuration;
  const [listen] = adminListen;
  if (listen === undefined || listen.port === 0) {
    const why = listen === undefined ? 'is off' : 'takes any free port';
    err.write(`portcullis: ${inEnvironment('adminListen')} ${why}, so the address of the gate is unknown; set it\n`);
    return 2;
  }
  const host = everywhere.get(listen.host) ?? listen.host;
  const base = `http://${printedHostAndPort({ host, port: listen.port })}`;
  if (adminToken !== undefined && !isLoopbackHost(host)) {
    err.write(`portcullis: the Admin token is sent to ${base} over plain HTTP\n`);
  }
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: adminToken === undefined ? {} : { Authorization: `Bearer ${adminToken}` },
      redirect: 'error',
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    const named = read.set.get('adminListen') ?? inEnvironment('adminListen');
    err.write(
      `portcullis: no gate responds at ${base} (${cause?.code ?? cause?.message ?? (error as Error).message}).\n` +
        `Is the gate running, and is ${named} the same as at its start?\n`,
    );
    return 1;
  }
}

/** Addresses that mean all interfaces, and the one to call there. */
const everywhere = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

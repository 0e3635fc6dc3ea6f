/** Runs a gate until it is stopped: the common part of start, demo and protect. */
import { printedHostAndPort } from '../../src/address/host.ts';
import type { OpenGate } from '../composition-root.ts';
import { inEnvironment } from '../configuration/sources.ts';
import type { Configuration } from '../configuration.ts';
import { type Log, openLog, textRedactor } from '../logging.ts';
import { showsColours, type Terminal } from './terminal.ts';

/** A log on the terminal's output: JSON, or readable lines on a terminal. */
export function logOn({ out, env }: Terminal, configuration: Configuration): Log {
  return openLog({
    level: configuration.logLevel,
    secrets: secretsOf(configuration),
    readable: out.isTTY === true ? { colours: showsColours(out, env) } : undefined,
    // On a terminal the log and the output of the command keep their order.
    ...(out === process.stdout && out.isTTY !== true ? {} : { to: out }),
  });
}

/**
 * Opens the gate, runs `whenOpen`, waits for the signal to stop if it returns `stay`, and closes the gate. Returns the
 * exit status: 1 if the gate could not be opened or `whenOpen` failed, else 0. `set`: the names of the settings as the
 * operator wrote them, for messages.
 */
export async function serve(
  configuration: Configuration,
  log: Log,
  terminal: Terminal,
  whenOpen: (gate: OpenGate) => Promise<'stay' | 'done' | 'failed'>,
  set: ReadonlyMap<string, string> = new Map(),
): Promise<number> {
  const stopped = terminal.stopped();
  const redacted = textRedactor(secretsOf(configuration));
  // Node itself would print the whole error, with any secret in it.
  terminal.onCrash(async (error) => {
    log.error({ err: error }, 'the gate crashed');
    await log.close();
  });
  let gate: OpenGate;
  try {
    const openGate = await terminal.gate();
    gate = await openGate(configuration, { log });
  } catch (error) {
    terminal.err.write(`portcullis: the gate cannot be opened: ${redacted(reasonOf(error, configuration, set))}\n`);
    log.debug({ err: error }, 'the gate was not opened');
    await log.close();
    return 1;
  }
  try {
    const outcome = await whenOpen(gate);
    if (outcome === 'stay') {
      await stopped;
      log.info('stopping: no new connections; requests in flight may finish');
    }
    return outcome === 'failed' ? 1 : 0;
  } catch (error) {
    terminal.err.write(`portcullis: ${redacted(error instanceof Error ? error.message : String(error))}\n`);
    return 1;
  } finally {
    await gate.close();
    await log.close();
  }
}

/** The URLs of the gate, in the order of the listeners. */
export function addressesOf(gate: OpenGate): { readonly proxy: readonly string[]; readonly admin: readonly string[] } {
  return {
    proxy: gate.proxy.map((listener) => `${listener.ssl ? 'https' : 'http'}://${printedHostAndPort(listener)}`),
    admin: gate.admin.map((listener) => `http://${printedHostAndPort(listener)}`),
  };
}

function reasonOf(
  error: unknown,
  { proxyListen, adminListen }: Configuration,
  set: ReadonlyMap<string, string>,
): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address = '', port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (port === undefined) return error.message;
  const at = (listens: Configuration['proxyListen']) => listens.some((listen) => listen.port === port);
  const setting = at(proxyListen) ? 'proxyListen' : at(adminListen) ? 'adminListen' : undefined;
  const named = setting === undefined ? '' : ` (${set.get(setting) ?? inEnvironment(setting)})`;
  const place = `${printedHostAndPort({ host: address, port })}${named}`;
  if (code === 'EADDRINUSE') return `${place} is in use by another program`;
  if (code === 'EACCES') return `${place} may not be opened by this user; ports below 1024 often need root`;
  if (code === 'EADDRNOTAVAIL') return `${place} is not an address of this machine`;
  return error.message;
}

/** Values that are removed from messages, because the error of a library may contain them. */
function secretsOf({ adminToken, masterKey, store }: Configuration): string[] {
  const secrets: string[] = [];
  if (adminToken !== undefined) secrets.push(adminToken);
  if (masterKey.from === 'bytes') {
    const key = Buffer.from(masterKey.bytes);
    secrets.push(key.toString('hex'), key.toString('base64url'), key.toString('base64'));
  }
  if (store.kind === 'mongodb') {
    const [, password] = /^[^/]+:\/\/[^/@]*?:([^/@]*)@/.exec(store.url) ?? [];
    if (password !== undefined && password !== '') secrets.push(password, percentDecoded(password));
  }
  return secrets;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

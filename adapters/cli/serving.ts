/** Runs a gate until it is stopped: the common part of start, demo and protect. */
import { printedHostAndPort } from '../../src/address/host.ts';
import type { OpenGate } from '../composition-root.ts';
import { inEnvironment } from '../configuration/sources.ts';
import type { Configuration } from '../configuration.ts';
import { type Log, openLog, textRedactor } from '../logging.ts';
import { showsColours, type Terminal } from './terminal.ts';

/**
 * The log of a command: JSON, or readable lines on a terminal. Returns `undefined` after it has written to `err` why the
 * file of the log cannot be opened.
 */
export function logOn({ out, err, env }: Terminal, configuration: Configuration): Log | undefined {
  const { logLevel: level, logFile: file, logBuffer: buffer } = configuration;
  const onTerminal = file === undefined && out.isTTY === true;
  try {
    return openLog({
      level,
      file,
      buffer,
      secrets: secretsOf(configuration),
      readable: onTerminal ? { colours: showsColours(out, env) } : undefined,
      ...(file !== undefined || out === process.stdout ? {} : { to: out }),
    });
  } catch (error) {
    err.write(`portcullis: log_file: the log cannot be opened: ${(error as Error).message}\n`);
    return undefined;
  }
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
  respondToSignals(terminal, gate, log);
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

/** HUP reads the files again, USR1 opens the log file again, USR2 is for later. None of them ends the process. */
function respondToSignals({ onSignal }: Terminal, gate: OpenGate, log: Log): void {
  onSignal?.('SIGHUP', () => {
    gate.reload().catch((error) => log.error({ err: error }, 'the configuration could not be read again'));
  });
  onSignal?.('SIGUSR1', () => {
    try {
      if (log.reopen()) log.info('SIGUSR1: the log file was opened again');
      else log.info('SIGUSR1: there is no log file to open again; set log_file to have one');
    } catch (error) {
      log.error({ err: error }, 'SIGUSR1: the log file could not be opened again; the old one stays in use');
    }
  });
  onSignal?.('SIGUSR2', () => log.info('SIGUSR2 has no effect'));
}

/** The URLs of the gate, in the order of the listeners. */
export function addressesOf({
  proxy,
  admin,
  status,
}: OpenGate): Readonly<Record<'proxy' | 'admin' | 'status', readonly string[]>> {
  const urls = (listeners: OpenGate['proxy']) =>
    listeners.map((listener) => `${listener.ssl ? 'https' : 'http'}://${printedHostAndPort(listener)}`);
  return { proxy: urls(proxy), admin: urls(admin), status: urls(status) };
}

function reasonOf(
  error: unknown,
  { proxyListen, adminListen, statusListen }: Configuration,
  set: ReadonlyMap<string, string>,
): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address = '', port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (port === undefined) return error.message;
  const at = (listens: Configuration['proxyListen']) => listens.some((listen) => listen.port === port);
  const setting = at(proxyListen)
    ? 'proxyListen'
    : at(adminListen)
      ? 'adminListen'
      : at(statusListen)
        ? 'statusListen'
        : undefined;
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

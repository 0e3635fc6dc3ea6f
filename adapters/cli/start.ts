/** `portcullis start`: runs the gate until a signal stops it. */
import type { OpenGate } from '../composition-root.ts';
import type { CommandLine } from './command-line.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { settingsFrom } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

export async function start({ flags }: CommandLine, terminal: Terminal): Promise<number> {
  const read = settingsFrom(flags, terminal);
  if (read === undefined) return 2;
  const log = logOn(terminal, read.configuration);
  if (log === undefined) return 2;
  for (const warning of read.warnings) log.warn(warning);
  const whenOpen = async (gate: OpenGate) => {
    const { proxy, admin, status } = addressesOf(gate);
    const proxies = proxy.length === 0 ? 'no proxy' : `proxy on ${proxy.join(', ')}`;
    const admins = admin.length === 0 ? 'no Admin API' : `Admin API on ${admin.join(', ')}`;
    const statuses = status.length === 0 ? '' : `; status on ${status.join(', ')}`;
    const fields = status.length === 0 ? { proxy, admin } : { proxy, admin, status };
    log.announce(fields, `Portcullis ${version()} is ready: ${proxies}; ${admins}${statuses}`);
    return 'stay' as const;
  };
  return serve(read.configuration, log, terminal, whenOpen, read.set);
}

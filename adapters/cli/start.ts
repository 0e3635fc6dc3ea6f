/** `portcullis start`: runs the gate until it is told to stop. */
import type { CommandLine } from './command-line.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { settingsFrom } from './settings.ts';
import type { OpenGate, Terminal } from './terminal.ts';
import { version } from './version.ts';

export async function start({ flags }: CommandLine, terminal: Terminal): Promise<number> {
  const read = settingsFrom(flags, terminal);
  if (read === undefined) return 2;
  const log = logOn(terminal, read.configuration);
  for (const warning of read.warnings) log.warn(warning);
  const whenOpen = async (gate: OpenGate) => {
    const { proxy, admin } = addressesOf(gate);
    const proxies = proxy.length === 0 ? 'no proxy' : `proxy on ${proxy.join(', ')}`;
    const admins = admin.length === 0 ? 'no Admin API' : `Admin API on ${admin.join(', ')}`;
    // Without a file of the operator's there is nothing to read again, and the signal keeps its usual meaning.
    const { config, tlsFiles } = read.configuration;
    if (config !== undefined || tlsFiles !== undefined) {
      terminal.onHangup?.(() => {
        gate.reload?.().catch((error) => log.error({ err: error }, 'the configuration could not be read again'));
      });
    }
    log.announce({ proxy, admin }, `Portcullis ${version()} is ready: ${proxies}; ${admins}`);
    return 'stay' as const;
  };
  return serve(read.configuration, log, terminal, whenOpen, read.set);
}

/** `portcullis export`: prints the configuration of the running gate as a file. */
import type { CommandLine } from './command-line.ts';
import { callRunningGate } from './running-gate.ts';
import type { Terminal } from './terminal.ts';

export async function exportConfiguration(line: CommandLine, terminal: Terminal): Promise<number> {
  const response = await callRunningGate(line, terminal, 'GET', '/config');
  if (typeof response === 'number') return response;
  if (response.status !== 200) {
    terminal.err.write(`portcullis export: the gate responded with ${response.status}: ${response.body.message}\n`);
    return 1;
  }
  terminal.out.write(response.body.config);
  return 0;
}

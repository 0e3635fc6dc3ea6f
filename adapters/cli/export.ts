/** `portcullis export`: the configuration of the running gate, as a file. */
import type { CommandLine } from './command-line.ts';
import { askRunningGate } from './running-gate.ts';
import type { Terminal } from './terminal.ts';

export async function exportConfiguration(line: CommandLine, terminal: Terminal): Promise<number> {
  const answer = await askRunningGate(line, terminal, 'GET', '/config');
  if (typeof answer === 'number') return answer;
  if (answer.status !== 200) {
    terminal.err.write(`portcullis export: the gate answered ${answer.status}: ${answer.body.message}\n`);
    return 1;
  }
  terminal.out.write(answer.body.config);
  return 0;
}

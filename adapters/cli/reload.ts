/** `portcullis reload`: the running gate reads its configuration file again. */
import type { CommandLine } from './command-line.ts';
import { askRunningGate } from './running-gate.ts';
import type { Terminal } from './terminal.ts';

export async function reload(line: CommandLine, terminal: Terminal): Promise<number> {
  const answer = await askRunningGate(line, terminal, 'POST', '/config/reload');
  if (typeof answer === 'number') return answer;
  const { status, body } = answer;
  if (status === 200) {
    terminal.out.write(`in force: ${body.added} added, ${body.changed} changed, ${body.removed} removed\n`);
    return 0;
  }
  if (!Array.isArray(body.problems)) {
    terminal.err.write(`portcullis reload: the gate answered ${status}: ${body.message}\n`);
    return 1;
  }
  const lines = (body.problems as readonly { line?: number; field: string; message: string }[]).map(
    (problem) =>
      `  ${problem.line === undefined ? '' : `line ${problem.line}: `}${problem.field === '' ? '' : `${problem.field}: `}${problem.message}\n`,
  );
  terminal.err.write(`portcullis reload: nothing was changed, since the file cannot be used:\n${lines.join('')}`);
  return 1;
}

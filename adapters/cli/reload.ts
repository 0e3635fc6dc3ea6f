/** `portcullis reload`: has the running gate read its configuration file again. */
import type { CommandLine } from './command-line.ts';
import { callRunningGate } from './running-gate.ts';
import type { Terminal } from './terminal.ts';

export async function reload(line: CommandLine, terminal: Terminal): Promise<number> {
  const response = await callRunningGate(line, terminal, 'POST', '/config/reload');
  if (typeof response === 'number') return response;
  const { status, body } = response;
  if (status === 200) {
    for (const warning of (body.warnings ?? []) as readonly string[]) terminal.err.write(`warning: ${warning}\n`);
    terminal.out.write(`active: ${body.added} added, ${body.changed} changed, ${body.removed} removed\n`);
    return 0;
  }
  if (!Array.isArray(body.problems)) {
    terminal.err.write(`portcullis reload: the gate responded with ${status}: ${body.message}\n`);
    return 1;
  }
  const lines = (body.problems as readonly { line?: number; field: string; message: string }[]).map(
    (problem) =>
      `  ${problem.line === undefined ? '' : `line ${problem.line}: `}${problem.field === '' ? '' : `${problem.field}: `}${problem.message}\n`,
  );
  terminal.err.write(`portcullis reload: nothing was changed, because the file has problems:\n${lines.join('')}`);
  return 1;
}

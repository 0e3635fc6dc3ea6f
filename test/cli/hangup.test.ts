/** SIGHUP, as an operator sends it to a process that runs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';

describe('SIGHUP', () => {
  let directory: string;
  let gate: ChildProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-hangup-'));
  });

  afterEach(async () => {
    const ended = gate?.exitCode === null ? new Promise((done) => gate!.on('exit', done)) : undefined;
    gate?.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });

  it('reads the configuration file again: a good one is in force, a bad one changes nothing and is told', async () => {
    const file = join(directory, 'kong.yml');
    const withServices = (...names: string[]) =>
      writeFileSync(
        file,
        `_format_version: "3.0"\nservices:\n${names.map((name) => `- {name: ${name}, host: h}\n`).join('')}`,
      );
    withServices('a');
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'portcullis.js');
    gate = spawn(process.execPath, [bin, 'start'], {
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        PORTCULLIS_CONFIG: file,
        PORTCULLIS_STORE: 'memory:',
        PORTCULLIS_STATE_DIR: directory,
        PORTCULLIS_PROXY_LISTEN: 'off',
        PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: gate.stdout! })[Symbol.asyncIterator]();
    const next = async (what: RegExp): Promise<Record<string, unknown>> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`the log ended before ${what}`);
        if (what.test(value)) return JSON.parse(value);
      }
    };
    const { admin } = (await next(/is ready/)) as { admin: string[] };
    const names = async () => {
      const { data } = (await (await fetch(`${admin[0]}/services`)).json()) as { data: { name: string }[] };
      return data.map(({ name }) => name).sort();
    };
    expect(await names()).to.deep.equal(['a']);

    withServices('a', 'b');
    gate.kill('SIGHUP');
    expect(await next(/is in force/)).to.include({ added: 1, changed: 0, removed: 0 });
    expect(await names()).to.deep.equal(['a', 'b']);

    writeFileSync(file, '_format_version: "3.0"\nservices:\n- {hots: a}\n');
    gate.kill('SIGHUP');
    const { problems } = await next(/stays as it was/);
    expect(problems).to.include(`${file}:3: services[1].hots: unknown field`);
    expect(await names()).to.deep.equal(['a', 'b']);
  });
});

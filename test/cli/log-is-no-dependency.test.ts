/** A log that cannot be written: calls go on, memory is bounded, lines are counted, and SIGTERM ends the gate. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bin, type GateProcess, soon, startGate } from '../support/gate-process.ts';

describe('A log that cannot be written', function () {
  this.timeout(120_000);
  let directory: string;
  let gate: GateProcess | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-log-'));
  });
  afterEach(async () => {
    await gate?.cleanUp();
    gate = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  const env = { PORTCULLIS_LOG_BUFFER: '65536', PORTCULLIS_DRAIN_LIMIT: '60' };

  async function makesCalls({ proxy }: GateProcess, count = 400): Promise<void> {
    for (let n = 0; n < count; n++) expect((await fetch(`${proxy}/call-${n}`)).status).to.equal(404);
  }

  async function lostLines({ admin }: GateProcess): Promise<number> {
    const text = await (await fetch(`${admin}/metrics`)).text();
    return Number(/^portcullis_log_lines_lost_total (\d+)$/m.exec(text)?.[1]);
  }

  it('a full device: start > /dev/full', async () => {
    const full = openSync('/dev/full', 'w');
    gate = await startGate({ env, stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    await gate.ready();
    await makesCalls(gate);
    expect(await lostLines(gate)).to.be.greaterThan(100);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
    expect(gate.printed.err).to.equal('');
  });

  it('a full disk: a log on a small tmpfs', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const script = `mount -t tmpfs -o size=16k tmpfs ${directory} && exec ${bin} start > ${directory}/log`;
    gate = await startGate({ env, command: 'unshare', before: ['-m', 'sh', '-c', script], words: [] });
    await gate.ready();
    await makesCalls(gate);
    expect(await lostLines(gate)).to.be.greaterThan(100);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
  });

  it('a full disk: log_file', async () => {
    gate = await startGate({ env: { ...env, PORTCULLIS_LOG_FILE: '/dev/full' } });
    await gate.ready();
    await makesCalls(gate);
    expect(await lostLines(gate)).to.be.greaterThan(100);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
    expect(gate.printed.out).to.equal('');
  });

  it('a closed pipe: start | head -1', async () => {
    gate = await startGate({ env });
    await gate.prints(/is ready/);
    gate.child.stdout!.destroy();
    await makesCalls(gate, 50);
    expect(await lostLines(gate)).to.be.greaterThan(40);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
  });

  it('a closed pipe: protect | head -1', async () => {
    gate = await startGate({ env, words: ['protect', 'http://127.0.0.1:9'] });
    await gate.prints(/is behind/);
    gate.child.stdout!.destroy();
    for (let n = 0; n < 20; n++) expect((await fetch(gate.proxy)).status).to.equal(401);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
  });

  /** Both ends of a named pipe, so that writes wait for a reader that does not read. */
  function stalledPipe(): number {
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  it('a stalled reader: start | sleep 60; the log names the lost lines when it is read again', async () => {
    const pipe = stalledPipe();
    try {
      gate = await startGate({ env, stdio: ['ignore', pipe, 'pipe'] });
      await gate.ready();
      await makesCalls(gate, 800);
      const lost = await lostLines(gate);
      expect(lost).to.be.greaterThan(100);
      expect(await reported(pipe)).to.equal(lost);
      gate.child.kill('SIGTERM');
      expect(await gate.ended).to.equal(0);
    } finally {
      closeSync(pipe);
    }
  });

  it('a stalled reader: SIGTERM ends the gate', async () => {
    const pipe = stalledPipe();
    try {
      gate = await startGate({ env, stdio: ['ignore', pipe, 'pipe'] });
      await gate.ready();
      await makesCalls(gate, 800);
      gate.child.kill('SIGTERM');
      expect(await gate.ended).to.equal(0);
    } finally {
      closeSync(pipe);
    }
  });

  it('a stalled reader of a socket, or of a log_file that is a named pipe', async () => {
    gate = await startGate({ env, reads: false });
    await gate.ready();
    await makesCalls(gate, 1200);
    expect(await lostLines(gate)).to.be.greaterThan(0);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
    await gate.cleanUp();

    const pipe = stalledPipe();
    try {
      gate = await startGate({ env: { ...env, PORTCULLIS_LOG_FILE: join(directory, 'pipe') } });
      await gate.ready();
      await makesCalls(gate, 800);
      expect(await lostLines(gate)).to.be.greaterThan(100);
      gate.child.kill('SIGTERM');
      expect(await gate.ended).to.equal(0);
    } finally {
      closeSync(pipe);
    }
  });

  it('a log file that cannot be opened: the start is refused by the name of the setting', async () => {
    gate = await startGate({ env: { PORTCULLIS_LOG_FILE: join(directory, 'none', 'log') } });
    expect(await gate.ended).to.equal(2);
    expect(gate.printed.err).to.match(/log_file: the log cannot be opened: ENOENT/);
  });

  /** Reads the pipe until the log says how many lines were lost. */
  async function reported(pipe: number): Promise<number> {
    let text = '';
    for (;;) {
      const bytes = Buffer.alloc(65_536);
      try {
        text += bytes.toString('utf8', 0, readSync(pipe, bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await soon();
      }
      const [line] = /^.*lines of the log were lost.*$/m.exec(text) ?? [];
      if (line !== undefined) return JSON.parse(line).lines;
    }
  }
});

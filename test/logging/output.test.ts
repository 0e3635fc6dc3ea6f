import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Destination, fileAt, logOutput } from '../../adapters/logging/output.ts';

/** A destination whose writes a test ends one by one. */
function controlled() {
  const written: string[] = [];
  const waiting: { bytes: Uint8Array; done: Parameters<Destination['write']>[1] }[] = [];
  let closed = false;
  return {
    written,
    waiting,
    isClosed: () => closed,
    destination: {
      write: (bytes, done) => void waiting.push({ bytes, done }),
      isFinal: ({ code }) => code === 'EPIPE',
      close: () => {
        closed = true;
      },
    } satisfies Destination,
    accept(count?: number) {
      const { bytes, done } = waiting.shift()!;
      const taken = count ?? bytes.length;
      written.push(Buffer.from(bytes.subarray(0, taken)).toString());
      done(null, taken);
    },
    fail(code: string) {
      waiting.shift()!.done(Object.assign(new Error(code), { code }), 0);
    },
  };
}

describe('The output of the log', () => {
  function opened(limit = 100) {
    const to = controlled();
    const retries: { milliseconds: number; next: () => void }[] = [];
    const recovered: number[] = [];
    const output = logOutput({
      open: () => to.destination,
      limit,
      recovered: (lines) => recovered.push(lines),
      after: (milliseconds, next) => void retries.push({ milliseconds, next }),
    });
    return { to, retries, recovered, output };
  }
  const line = `${'x'.repeat(9)}\n`;

  it('keeps lines up to its limit in bytes while they are not read, loses the others, and reports them once', () => {
    const { to, recovered, output } = opened();
    for (let n = 0; n < 25; n++) output.write(line);
    expect(output.lost()).to.equal(15);
    output.write('é\n');
    expect(output.lost()).to.equal(16);
    to.accept();
    expect(recovered).to.deep.equal([16]);
    to.accept();
    expect(to.written.join('')).to.equal(line.repeat(10));
    expect(recovered).to.deep.equal([16]);
    output.write(line);
    to.accept();
    expect(to.written.join('')).to.equal(line.repeat(11));
    expect(output.lost()).to.equal(16);
  });

  it('continues a piece where a write ended', () => {
    const { to, output } = opened();
    output.write('one\n');
    to.accept(2);
    to.accept();
    expect(to.written).to.deep.equal(['on', 'e\n']);
  });

  it('tries again after an error, sooner when only the reader is slow', () => {
    for (const [code, milliseconds] of [
      ['ENOSPC', 1000],
      ['EIO', 1000],
      ['EAGAIN', 50],
    ] as const) {
      const { to, retries, output } = opened();
      output.write('one\n');
      to.fail(code);
      output.write('two\n');
      expect(to.waiting).to.deep.equal([]);
      expect(retries.map((retry) => retry.milliseconds)).to.deep.equal([milliseconds]);
      retries[0]!.next();
      to.accept();
      to.accept();
      expect(to.written.join('')).to.equal('one\ntwo\n');
      expect(output.lost()).to.equal(0);
    }
  });

  it('loses and counts everything after the reader has closed the pipe', () => {
    const { to, retries, output } = opened();
    output.write('one\n');
    output.write('two\n');
    to.fail('EPIPE');
    output.write('three\n');
    expect(output.lost()).to.equal(3);
    expect(to.waiting).to.deep.equal([]);
    expect(retries).to.deep.equal([]);
  });

  it('closes when all is written', async () => {
    const { to, output } = opened();
    output.write('one\n');
    output.write('two\n');
    const closing = output.close(60_000);
    output.write('three\n');
    to.accept();
    expect(to.isClosed()).to.equal(false);
    to.accept();
    await closing;
    expect(to.isClosed()).to.equal(true);
    expect(to.written.join('')).to.equal('one\ntwo\n');
  });

  it('closes without its lines when the disk is full, the pipe is closed, or the reader takes too long', async () => {
    for (const code of ['ENOSPC', 'EPIPE']) {
      const { to, output } = opened();
      output.write('one\n');
      const closing = output.close(60_000);
      to.fail(code);
      await closing;
    }
    const failed = opened();
    failed.output.write('one\n');
    failed.to.fail('ENOSPC');
    const closing = failed.output.close(60_000);
    failed.to.fail('ENOSPC');
    await closing;

    const stalled = opened();
    stalled.output.write('one\n');
    await stalled.output.close(1);
    expect(stalled.to.isClosed()).to.equal(true);
  });

  it('closes the old file only after the write in progress, and writes the rest to the new one', () => {
    const old = controlled();
    const next = controlled();
    const files = [old, next];
    const output = logOutput({ open: () => files.shift()!.destination, limit: 100, recovered: () => {} });
    output.write('one\n');
    output.write('two\n');
    output.reopen();
    expect(old.isClosed()).to.equal(false);
    old.accept();
    expect(old.isClosed()).to.equal(true);
    next.accept();
    expect([old.written, next.written]).to.deep.equal([['one\n'], ['two\n']]);
  });

  it('writes again after the file was opened again on another disk', () => {
    const full = controlled();
    const empty = controlled();
    const files = [full, empty];
    const output = logOutput({
      open: () => files.shift()!.destination,
      limit: 100,
      recovered: () => {},
      after: () => {},
    });
    output.write('one\n');
    full.fail('ENOSPC');
    output.reopen();
    expect(full.isClosed()).to.equal(true);
    empty.accept();
    expect(empty.written).to.deep.equal(['one\n']);
  });
});

describe('A log file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-log-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is appended to, and made again after a rotation', async () => {
    const path = join(directory, 'gate.log');
    const open = () => logOutput({ open: () => fileAt(path), limit: 1000, recovered: () => {} });
    const first = open();
    first.write('one\n');
    await first.close(60_000);
    const second = open();
    second.write('two\n');
    renameSync(path, `${path}.1`);
    second.reopen();
    second.write('three\n');
    await second.close(60_000);
    expect(readFileSync(`${path}.1`, 'utf8')).to.equal('one\ntwo\n');
    expect(readFileSync(path, 'utf8')).to.equal('three\n');
  });

  it('in a directory that does not exist is an error, and a rotation to one keeps the old file', async () => {
    expect(() => fileAt(join(directory, 'none', 'gate.log'))).to.throw(/ENOENT/);
    const path = join(directory, 'gate.log');
    let target = path;
    const output = logOutput({ open: () => fileAt(target), limit: 1000, recovered: () => {} });
    target = join(directory, 'none', 'gate.log');
    expect(() => output.reopen()).to.throw(/ENOENT/);
    output.write('one\n');
    await output.close(60_000);
    expect(readFileSync(path, 'utf8')).to.equal('one\n');
  });
});

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { lockStore, type StoreLock, storeHolder } from '../../adapters/store-lmdb/lock.ts';
import { StoreUnusable } from '../../src/ports/unavailable.ts';
import { cleanUp, newDirectory } from './directory.ts';

const starter = new URL('lock-starter.ts', import.meta.url).pathname;

describe('The lock of a store directory', function () {
  this.timeout(120_000);
  const children = new Set<ChildProcess>();
  const locks = new Set<StoreLock>();
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    for (const lock of locks) await lock.release();
    locks.clear();
    await cleanUp();
  });

  async function locked(directory: string, how = {}): Promise<StoreLock> {
    const lock = await lockStore(directory, how);
    locks.add(lock);
    return lock;
  }

  /** Another process that takes the lock, and its outcome. */
  function another(directory: string) {
    const child = fork(starter, [directory]);
    children.add(child);
    return { child, outcome: once(child, 'message').then(([outcome]) => outcome as string) };
  }

  const refusalOf = (directory: string): Promise<Error> =>
    lockStore(directory).then(
      () => expect.fail('the lock was taken twice'),
      (error: Error) => error,
    );

  it('is refused while another process holds it, with its process id and the directory', async () => {
    const directory = newDirectory();
    const { child, outcome } = another(directory);
    expect(await outcome).to.equal('locked');
    const error = await refusalOf(directory);
    expect(error).to.be.instanceOf(StoreUnusable);
    expect(error.message).to.include(`the store in ${directory} is in use by another gate (process ${child.pid})`);
    expect(await storeHolder(directory)).to.deep.equal({ pid: child.pid, host: hostname() });
  });

  it('is free after a release, and leaves no file', async () => {
    const directory = newDirectory();
    const first = await lockStore(directory);
    expect(readdirSync(directory)).to.deep.equal(['lock-1.sock']);
    await first.release();
    expect(readdirSync(directory)).to.deep.equal([]);
    expect(await storeHolder(directory)).to.equal(undefined);
    await locked(directory);
  });

  it('is free after a crash, at once', async () => {
    const directory = newDirectory();
    for (let crash = 1; crash <= 3; crash++) {
      const { child, outcome } = another(directory);
      expect(await outcome).to.equal('locked');
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(await storeHolder(directory)).to.equal(undefined);
    }
    await locked(directory);
    expect(readdirSync(directory)).to.have.length(1);
  });

  it('has one holder of many that start at once, also where earlier ones crashed', async () => {
    for (let round = 0; round < 4; round++) {
      const directory = newDirectory();
      if (round % 2 === 1) {
        const { child, outcome } = another(directory);
        await outcome;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => another(directory).outcome));
      const refused = outcomes.filter((outcome) => outcome !== 'locked');
      expect(refused, outcomes.join()).to.have.length(7);
      for (const message of refused) expect(message).to.match(/in use by another gate \(process \d+\)/);
    }
  });

  it('has one holder of many attempts in one process', async () => {
    const directory = newDirectory();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => locked(directory)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
  });

  it('is held across process and mount namespaces', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const directory = newDirectory();
    const within = (words: string[]) =>
      spawn('unshare', ['--pid', '--fork', '--mount-proc', process.execPath, starter, ...words], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
    const holder = within([directory]);
    children.add(holder);
    const [line] = await once(holder.stdout!, 'data');
    expect(String(line)).to.equal('locked\n');
    const second = within([directory]);
    children.add(second);
    const [refusal] = await once(second.stdout!, 'data');
    expect(String(refusal)).to.match(/in use by another gate \(process \d+\)/);
    expect((await refusalOf(directory)).message).to.match(/in use by another gate \(process \d+\)/);
    holder.stdin!.end();
    await once(holder, 'exit');
    await locked(directory);
  });

  it('works with paths of any length', async () => {
    const long = join(newDirectory(), ...Array.from({ length: 8 }, (_, n) => `${n}`.repeat(30)));
    expect(long.length).to.be.greaterThan(200);
    mkdirSync(long, { recursive: true });
    const lock = await locked(long);
    expect((await refusalOf(long)).message).to.include(`(process ${process.pid})`);
    expect(readdirSync(long)).to.deep.equal(['lock-1.sock']);
    await lock.release();
    locks.clear();
    await locked(relative(process.cwd(), long));
  });

  it('is refused without a process id where the holder is stopped', async () => {
    const directory = newDirectory();
    const { child, outcome } = another(directory);
    await outcome;
    child.kill('SIGSTOP');
    expect((await refusalOf(directory)).message).to.match(/in use by another gate \(which does not respond\)/);
  });

  it('names a directory in which no socket can be made', async () => {
    const file = join(newDirectory(), 'file');
    writeFileSync(file, '');
    const error = await refusalOf(join(file, 'below'));
    expect(error).to.be.instanceOf(StoreUnusable);
    expect(error.message).to.include('below cannot be used');
  });

  describe('handed over', () => {
    it('goes to the new process after the old one has stopped; no third one gets it in between', async () => {
      const directory = newDirectory();
      const old = await locked(directory);
      const events: string[] = [];
      let third: Error | undefined;
      old.onHandOver(async () => {
        third = await refusalOf(directory);
        events.push('stopped');
      });
      const next = await locked(directory, { handOver: true });
      events.push('taken');
      expect(events).to.deep.equal(['stopped', 'taken']);
      expect(third).to.be.instanceOf(StoreUnusable);
      expect(await refusalOf(directory)).to.be.instanceOf(StoreUnusable);
      await old.release();
      expect(await refusalOf(directory)).to.be.instanceOf(StoreUnusable);
      await next.release();
      locks.clear();
      await locked(directory);
    });

    it('is refused where the holder does not hand over, or fails to stop', async () => {
      const directory = newDirectory();
      const old = await locked(directory);
      const refused = () => lockStore(directory, { handOver: true }).catch((error: Error) => error);
      expect(await refused()).to.be.instanceOf(StoreUnusable);
      old.onHandOver(async () => {
        throw new Error('cannot stop');
      });
      expect(await refused()).to.be.instanceOf(StoreUnusable);
    });
  });

  it('is not disturbed by other messages, and released with a caller that never asks', async () => {
    const directory = newDirectory();
    const lock = await lockStore(directory);
    const path = join(directory, 'lock-1.sock');
    const received = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(path, () => socket.write('nonsense\n'));
      socket.on('data', (part) => (text += part)).on('close', () => resolve(text));
    });
    expect(received).to.equal('{"handedOver":false}\n');
    const silent = connect(path);
    await once(silent, 'connect');
    silent.on('error', () => {});
    await lock.release();
  });
});

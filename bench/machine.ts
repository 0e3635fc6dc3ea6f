/** What the benchmarks share: processes pinned to a core, CPU time by the kernel's account, medians. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** User and system time of all threads of a process, in seconds. */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1e9;
}

/** Starts a module of this folder, on one core if it is given, and waits for its first message. */
export async function forked(file: string, args: readonly string[], core?: number): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, file), args, { serialization: 'advanced' });
  await new Promise<void>((resolve) => child.once('message', () => resolve()));
  if (core !== undefined) execFileSync('taskset', ['-a', '-cp', String(core), String(child.pid)], { stdio: 'ignore' });
  return child;
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export function versionOf(command: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', `${command} 2>&1`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** The date, the processor, Node's version and how busy the machine is. */
export function machine(): string {
  const busy = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
  const { model = 'unknown processor' } = cpus()[0] ?? {};
  return `${new Date().toISOString()}; ${cpus().length} cores of ${model.trim()}; load average ${busy}; Node ${process.version}`;
}

export function median(all: readonly number[]): number {
  return quantile(all, 0.5);
}

export function quantile(all: readonly number[], share: number): number {
  const ascending = [...all].sort((one, other) => one - other);
  const at = (ascending.length - 1) * share;
  const below = ascending[Math.floor(at)]!;
  return below + (ascending[Math.ceil(at)]! - below) * (at % 1);
}

/** The ratio of two medians, and the quartiles of the ratios of single rounds, which show how quiet the machine was. */
export function ratioOf(own: readonly number[], other: readonly number[]): string {
  const single = own.map((each, round) => each / other[round]!);
  const [low, high] = [quantile(single, 0.25), quantile(single, 0.75)];
  return `${(median(own) / median(other)).toFixed(2)} (quartiles of single rounds ${low.toFixed(2)} to ${high.toFixed(2)})`;
}

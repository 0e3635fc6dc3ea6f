/** What the process itself uses, under the names that Prometheus' client libraries have for it. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Family } from './exposition.ts';

/** Milliseconds between two looks at the event loop. */
const resolution = 20;

export function processFigures(): () => readonly Family[] {
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const startedAt = Date.now() / 1000 - process.uptime();
  /** The histogram counts from one look to the next, so a loop without delay has the resolution. */
  const lag = (nanoseconds: number) =>
    Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - resolution / 1000) : 0;
  return () => {
    const { user, system } = process.cpuUsage();
    const lags = { p99: lag(delay.percentile(99)), max: lag(delay.max) };
    delay.reset();
    const files = openFiles();
    return [
      one('process_cpu_seconds_total', 'counter', 'CPU time used, in seconds.', (user + system) / 1e6),
      one('process_resident_memory_bytes', 'gauge', 'Resident memory, in bytes.', process.memoryUsage.rss()),
      {
        name: 'process_open_fds',
        type: 'gauge',
        help: 'Open file descriptors. Only on Linux.',
        samples: files === undefined ? [] : [{ value: files }],
      },
      one('process_start_time_seconds', 'gauge', 'When the process started, in seconds since 1970.', startedAt),
      one(
        'nodejs_eventloop_lag_p99_seconds',
        'gauge',
        'Delay of the event loop since the last reading of the metrics, 99th percentile.',
        lags.p99,
      ),
      one('nodejs_eventloop_lag_max_seconds', 'gauge', 'The longest such delay.', lags.max),
    ];
  };
}

function one(name: string, type: Family['type'], help: string, value: number): Family {
  return { name, type, help, samples: [{ value }] };
}

function openFiles(): number | undefined {
  try {
    // One of them is that of this directory.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

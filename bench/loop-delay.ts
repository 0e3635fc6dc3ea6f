/**
 * Loaded before the gate by `admin.ts`: measures the turns of its event loop, and reports the longest one on request. On a
 * busy machine only the CPU time of a turn says something about the gate.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

const used = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
let before = used();
let longest = 0;
setInterval(() => {
  const now = used();
  longest = Math.max(longest, now - before);
  before = now;
}, 1).unref();

process.on('message', (message) => {
  process.send!({ cpu: longest, wall: delay.max / 1e6 });
  if (message !== 'reset') return;
  delay.reset();
  longest = 0;
  before = used();
});
// The gate ends as it would without this module.
process.channel?.unref();

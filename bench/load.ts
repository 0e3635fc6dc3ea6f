/**
 * Keeps a number of connections busy for a while, one request at a time on each, and tells how many were answered, how
 * many not with 200, and the 99th percentile of the time an answer took.
 */
import { connect } from 'node:net';

interface Order {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
  /** Sent in turn. */
  readonly requests: readonly string[];
}

export interface Tally {
  readonly answered: number;
  readonly refused: number;
  readonly p50: number;
  readonly p99: number;
  readonly seconds: number;
}

process.on('message', async (order: Order) => {
  process.send!(await load(order));
});
process.send?.('ready');

function load({ port, connections, milliseconds, requests }: Order): Promise<Tally> {
  return new Promise((resolve) => {
    const times: number[] = [];
    let refused = 0;
    let next = 0;
    let open = 0;
    const startedAt = performance.now();
    const until = startedAt + milliseconds;
    const closed = () => {
      if (--open > 0) return;
      times.sort((one, other) => one - other);
      const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
      const seconds = (performance.now() - startedAt) / 1000;
      resolve({ answered: times.length, refused, p50: at(0.5), p99: at(0.99), seconds });
    };
    for (let i = 0; i < connections; i++) {
      open++;
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      let sentAt = 0;
      let rest = '';
      const send = () => {
        sentAt = performance.now();
        socket.write(requests[next++ % requests.length]!, 'latin1');
      };
      socket.setEncoding('latin1');
      socket.on('connect', send);
      socket.on('data', (chunk) => {
        rest += chunk;
        const head = rest.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(rest)?.[1] ?? 0);
        if (rest.length < head + 4 + length) return;
        if (!rest.startsWith('HTTP/1.1 200')) refused++;
        rest = rest.slice(head + 4 + length);
        const now = performance.now();
        times.push(now - sentAt);
        if (now < until) send();
        else socket.destroy();
      });
      socket.on('error', () => refused++);
      socket.on('close', closed);
    }
  });
}

/**
 * An upstream that closes connections at the wrong moment, as the parent process says. Which calls are affected depends on
 * the id of the call alone, so that two proxies meet the same faults. It counts the calls that it has processed.
 */
import { createServer, type Socket } from 'node:net';
import type { Counts, Fault } from './fault-kinds.ts';

const share = 0.3;
let fault: Fault = 'fin later';
let processed = new Map<string, number>();
let attempts = new Map<string, number>();

function respond(socket: Socket, call: string): void {
  const attempt = (attempts.get(call) ?? 0) + 1;
  attempts.set(call, attempt);
  const isAffected = draw(`${call} ${attempt}`) < share;
  if (isAffected && fault === 'read, then abort') {
    socket.resetAndDestroy();
    return;
  }
  processed.set(call, (processed.get(call) ?? 0) + 1);
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${call.length}\r\n\r\n${call}`, 'latin1');
  if (!isAffected) return;
  const delay = draw(`${call} ${attempt} later`) * 6;
  if (fault === 'fin with the response') socket.end();
  else if (fault === 'fin later') setTimeout(() => socket.end(), delay);
  else setTimeout(() => socket.resetAndDestroy(), delay);
}

/** A number from 0 to 1 that a text determines (FNV-1a, with the final mix of MurmurHash3). */
function draw(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

createServer({ noDelay: true }, (socket) => {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (piece) => {
    text += piece;
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end === -1 || socket.destroyed || socket.writableEnded) return;
      const head = text.slice(0, end);
      const length = end + 4 + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      if (text.length < length) return;
      text = text.slice(length);
      respond(socket, /^x-call: (\S+)/im.exec(head)?.[1] ?? 'none');
    }
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'));

process.on('message', (next: Fault | 'count') => {
  if (next === 'count') {
    const twice = [...processed.values()].filter((times) => times > 1).length;
    process.send!({ processed: processed.size, twice } satisfies Counts);
    return;
  }
  fault = next;
  processed = new Map();
  attempts = new Map();
  process.send!('ready');
});

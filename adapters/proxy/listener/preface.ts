/** Detects HTTP/2 with prior knowledge by the first bytes of a connection (RFC 9113 §3.4). */
import type { Socket } from 'node:net';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/**
 * Calls `found` once, with the connection as if nothing had been read. Closes the connection if nothing arrives within
 * `milliseconds`.
 */
export function lookForPreface(socket: Socket, milliseconds: number, found: (isHttp2: boolean) => void): void {
  let held: Buffer | undefined;
  const giveUp = () => socket.destroy();
  const look = () => {
    const arrived = socket.read() as Buffer | null;
    if (arrived === null) return;
    held = held === undefined ? arrived : Buffer.concat([held, arrived]);
    const begin = held.toString('latin1', 0, Math.min(held.length, preface.length));
    if (begin.length < preface.length && preface.startsWith(begin)) return;
    socket.off('readable', look).off('end', giveUp).off('timeout', giveUp);
    socket.setTimeout(0);
    socket.unshift(held);
    found(begin === preface);
  };
  socket.setTimeout(milliseconds);
  socket.on('readable', look).on('end', giveUp).on('timeout', giveUp);
}

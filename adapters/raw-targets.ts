/**
 * Request lines that node:http refuses to parse.
 *
 * Clients send octets above 0x7F in a target (`curl 'http://host/x?q=é'`), although RFC 3986 §2 wants them encoded. nginx
 * and Kong accept them; llhttp does not. When it refuses such a line, node:http gives the connection back, the octets are
 * percent-encoded, and node:http reads the line again. Other connections do not pass through here.
 */
import type { Socket } from 'node:net';

/** The error of `clientError`. */
export interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

export interface TargetReader {
  /** Has node:http read the connection. */
  read(socket: Socket): void;
  /** Whether the connection is read again from the refused line on. Otherwise the line is not such a line. */
  readAgain(error: ParseError, socket: Socket): boolean;
}

/** `read`: node:http's own listener for connections. `limits`: bytes and milliseconds for the rest of a request line. */
export function targetReader(
  read: (socket: Socket) => void,
  limits: { readonly size: number; readonly milliseconds: number },
): TargetReader {
  const attached = new WeakMap<Socket, readonly Listener[]>();
  const attach = (socket: Socket): void => {
    const before = new Set(listenersOf(socket).map(({ listener }) => listener));
    read(socket);
    attached.set(
      socket,
      listenersOf(socket).filter(({ listener }) => !before.has(listener)),
    );
  };
  return {
    read: attach,
    readAgain(error, socket) {
      const line = refusedLine(error);
      if (line === undefined || !isRawTarget(error, line)) return false;
      // node:http is still in its parser.
      process.nextTick(() => {
        if (socket.destroyed) return;
        for (const { event, listener } of attached.get(socket) ?? []) {
          // node:http frees its parser when the connection closes. Only this connection's parser is meant.
          if (event === 'close') listener.call(socket);
          socket.removeListener(event, listener);
        }
        wholeLine(socket, line.rest, limits, (octets) => {
          socket.unshift(encoded(octets));
          attach(socket);
        });
      });
      return true;
    },
  };
}

/** Method and path of the request line that could not be parsed, as far as it can be read, for the log. */
export function lineOf(error: ParseError): { readonly method: string; readonly path: string } | undefined {
  const text = refusedLine(error)?.rest.toString('latin1', 0, 2048) ?? '';
  const found = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\x21-\xff]+)/.exec(text);
  // The query may hold a token.
  return found === null ? undefined : { method: found[1]!, path: found[2]!.replace(/[?#].*$/s, '') };
}

interface Listener {
  readonly event: string | symbol;
  readonly listener: (...args: unknown[]) => void;
}

function listenersOf(socket: Socket): Listener[] {
  return socket
    .eventNames()
    .flatMap((event) =>
      socket.listeners(event).map((listener) => ({ event, listener: listener as Listener['listener'] })),
    );
}

/** What arrived of the line in which the parser stopped. */
function refusedLine({
  rawPacket,
  bytesParsed,
}: ParseError): { readonly rest: Buffer; readonly at: number } | undefined {
  if (rawPacket === undefined || bytesParsed === undefined) return undefined;
  const start = bytesParsed === 0 ? 0 : rawPacket.lastIndexOf(0x0a, bytesParsed - 1) + 1;
  return { rest: rawPacket.subarray(start), at: bytesParsed - start };
}

/** Whether the parser stopped at such an octet in the target. The line must begin in the packet that was parsed last. */
function isRawTarget({ code }: ParseError, { rest, at }: { readonly rest: Buffer; readonly at: number }): boolean {
  return (
    code === 'HPE_INVALID_URL' &&
    (rest[at] ?? 0) >= 0x80 &&
    /^[A-Z-]+ [\x21-\x7e]+$/.test(rest.toString('latin1', 0, at))
  );
}

/** Waits for the end of the line. Closes a connection that does not send it in time, or sends too much. */
function wholeLine(
  socket: Socket,
  begun: Buffer,
  { size, milliseconds }: { readonly size: number; readonly milliseconds: number },
  found: (octets: Buffer) => void,
): void {
  let held = begun;
  const giveUp = (): void => void socket.destroy();
  const timer = setTimeout(giveUp, milliseconds).unref();
  const look = (): void => {
    const arrived = socket.read() as Buffer | null;
    if (arrived !== null) held = Buffer.concat([held, arrived]);
    if (!held.includes(0x0a) && held.length <= size) return;
    socket.off('readable', look).off('end', giveUp).off('close', stop);
    stop();
    found(held);
  };
  const stop = (): void => clearTimeout(timer);
  socket.on('readable', look).on('end', giveUp).on('close', stop);
  look();
}

/** Only the first line: what follows may be a body. */
function encoded(octets: Buffer): Buffer {
  const end = octets.indexOf(0x0a);
  const line = octets.subarray(0, end === -1 ? octets.length : end);
  const text = line
    .toString('latin1')
    .replace(/[\x80-\xff]/g, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase()}`);
  return Buffer.concat([Buffer.from(text, 'latin1'), octets.subarray(line.length)]);
}

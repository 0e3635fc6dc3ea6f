/**
 * Writes the lines of the log without ever waiting for their reader: a full disk, a closed pipe or a stalled reader does
 * not stop the gate. Lines wait in a buffer of limited size. Lines beyond it are lost and counted.
 */
import { close as closeFile, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

export interface LogOutput {
  write(line: string): void;
  /** Lines that were lost since the start. */
  lost(): number;
  /** Opens the file by its name again, after a rotation. Throws if that fails; then the old file stays in use. */
  reopen(): void;
  /** Resolves when all lines are written, when they cannot be written, or after `within` milliseconds. */
  close(within: number): Promise<void>;
}

/** Takes one piece at a time. `done` gets the number of bytes written, or the error. */
export interface Destination {
  write(bytes: Uint8Array, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  /** After this error no write can succeed. */
  isFinal(error: NodeJS.ErrnoException): boolean;
  close(): void;
}

export interface LogOutputOptions {
  /** Opens the destination; called again by `reopen`. */
  readonly open: () => Destination;
  /** Bytes of lines that wait to be written. */
  readonly limit: number;
  /** Lines are written again, after so many were lost. */
  readonly recovered: (lost: number) => void;
  /** Calls `next` after so many milliseconds. */
  readonly after?: (milliseconds: number, next: () => void) => void;
}

const largestPiece = 65_536;
/** The reader of a terminal may continue at any time; a full disk takes longer. */
const untilNextTry = (error: NodeJS.ErrnoException) => (error.code === 'EAGAIN' ? 50 : 1000);

export function logOutput({ open, limit, recovered, after = afterMilliseconds }: LogOutputOptions): LogOutput {
  let destination = open();
  /** The one before, while a write to it is in progress. */
  let previous: Destination | undefined;
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** Lines of the piece that is being written, and its bytes that are not written yet. */
  let piece: { readonly lines: number; rest: Uint8Array } | undefined;
  let state: 'ready' | 'writing' | 'failed' | 'ended' = 'ready';
  let lost = 0;
  let unreported = 0;
  let closed: (() => void) | undefined;

  function lose(lines: number): void {
    lost += lines;
    unreported += lines;
  }

  function writeNext(): void {
    if (piece === undefined) {
      let bytes = 0;
      let lines = 0;
      while (lines < waiting.length && (lines === 0 || bytes < largestPiece)) {
        bytes += waiting[lines++]!.length;
      }
      if (lines === 0) {
        state = 'ready';
        closed?.();
        return;
      }
      piece = { lines, rest: Buffer.from(waiting.splice(0, lines).join('')) };
    }
    state = 'writing';
    const current = piece;
    const to = destination;
    to.write(current.rest, (error, written) => {
      previous?.close();
      previous = undefined;
      if (error === null) {
        current.rest = current.rest.subarray(written);
        waitingBytes -= written;
        if (current.rest.length === 0) piece = undefined;
        if (unreported > 0 && closed === undefined) {
          const count = unreported;
          unreported = 0;
          recovered(count);
        }
        writeNext();
      } else if (to !== destination) writeNext();
      else if (to.isFinal(error)) end();
      else {
        state = 'failed';
        if (error.code !== 'EAGAIN') closed?.();
        after(untilNextTry(error), tryAgain);
      }
    });
  }

  function tryAgain(): void {
    if (state === 'failed') writeNext();
  }

  /** The reader is gone for good, unless the file is opened again. */
  function end(): void {
    state = 'ended';
    lose(waiting.length + (piece?.lines ?? 0));
    piece = undefined;
    waiting = [];
    waitingBytes = 0;
    closed?.();
  }

  return {
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (closed !== undefined) return;
      if (state === 'ended' || waitingBytes + bytes > limit) {
        lose(1);
        return;
      }
      waiting.push(line);
      waitingBytes += bytes;
      if (state === 'ready') writeNext();
    },
    lost: () => lost,
    reopen() {
      const next = open();
      if (state === 'writing') {
        if (previous === undefined) previous = destination;
        else destination.close();
        destination = next;
        return;
      }
      destination.close();
      destination = next;
      writeNext();
    },
    close(within) {
      return new Promise<void>((resolve) => {
        closed = () => {
          closed = () => {};
          destination.close();
          resolve();
        };
        if (state === 'ready' || state === 'ended') closed();
        else {
          if (state === 'failed') writeNext();
          setTimeout(() => closed?.(), within);
        }
      });
    },
  };
}

function afterMilliseconds(milliseconds: number, next: () => void): void {
  setTimeout(next, milliseconds).unref();
}

// Destinations -------------------------------------------------------------------------------------------------------

/** Standard output, by what it is: a terminal, a pipe or socket, a file or device. */
export function standardOutput(): Destination {
  if (process.stdout.isTTY === true) return terminal();
  const stat = fstatSync(1);
  return stat.isFIFO() || stat.isSocket() ? throughStream(process.stdout, () => {}) : throughDescriptor(1, () => {});
}

/** A file to append to, made if it does not exist. A named pipe needs a reader when it is opened. */
export function fileAt(path: string): Destination {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
  // Without O_NONBLOCK, opening a named pipe would wait for its reader.
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640);
  const stat = fstatSync(file);
  if (!stat.isFIFO()) return throughDescriptor(file, () => closeQuietly(file));
  const socket = new Socket({ fd: file, readable: false, writable: true });
  socket.unref();
  return throughStream(socket, () => void socket.destroy());
}

/** node:net never waits for the reader of a pipe; node:fs would occupy a thread that even the end of the process waits for. */
function throughStream(stream: Writable, close: () => void): Destination {
  let failure: NodeJS.ErrnoException | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write(bytes, done) {
      if (failure !== undefined) process.nextTick(done, failure, 0);
      else stream.write(bytes, (error) => done(error ?? null, bytes.length));
    },
    isFinal: () => true,
    close,
  };
}

function throughDescriptor(file: number, close: () => void): Destination {
  return { write: (bytes, done) => write(file, bytes, done), isFinal: () => false, close };
}

/**
 * A terminal whose user has stopped the output (Ctrl-S) would stop the gate, as node:tty waits for it. So it is opened
 * again, for writes that do not wait. They happen in turn with the other output of the command.
 */
function terminal(): Destination {
  const path = process.platform === 'linux' ? '/proc/self/fd/1' : '/dev/tty';
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return throughStream(process.stdout, () => {});
  }
  return {
    write(bytes, done) {
      let written: number;
      try {
        written = writeSync(file, bytes);
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
        return;
      }
      done(null, written);
    },
    isFinal: () => false,
    close: () => closeQuietly(file),
  };
}

function closeQuietly(file: number): void {
  closeFile(file, () => {});
}

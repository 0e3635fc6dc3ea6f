/** The one reader of a request body up to a limit: for Node's servers, and for a `Request` of the Fetch API. */
import { Readable } from 'node:stream';

/** The limits of a body. */
export interface BodyLimits {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds between two pieces; 60 seconds by default. */
  readonly time?: number | undefined;
}

/**
 * The whole body; `undefined` as soon as it is known to be longer than the limit; `late` if nothing arrives for too long. The
 * rest of a Node stream is discarded as it arrives, so that the client can send it all and then read the response. Rejects
 * if the client disconnects.
 */
export async function readBody(
  body: Readable | AsyncIterable<Uint8Array> | null,
  contentLength: string | null | undefined,
  { size, time = usualTime }: BodyLimits,
): Promise<Buffer | 'late' | undefined> {
  if (Number(contentLength ?? 0) > size) return undefined;
  if (body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const pieces: AsyncIterator<Uint8Array> =
    body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : body[Symbol.asyncIterator]();
  for (;;) {
    const next = await withinTime(pieces.next(), time);
    if (next === 'late') {
      // Ends when the next piece arrives, or the connection is closed.
      void pieces.return?.().catch(() => undefined);
      return 'late';
    }
    if (next.done === true) return Buffer.concat(chunks, length);
    length += next.value.length;
    if (length > size) break;
    chunks.push(next.value);
  }
  await pieces.return?.();
  // A stream with a reader ignores this, so the loop comes to its end before.
  if (body instanceof Readable) body.resume();
  return undefined;
}

const usualTime = 60_000;

async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  // If the time is over first, nothing else handles a rejection.
  work.catch(() => undefined);
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, milliseconds, 'late').unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

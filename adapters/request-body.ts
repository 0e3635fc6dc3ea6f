/** The one reader of a request body up to a limit: for Node's servers, and for a `Request` of the Fetch API. */
import { Readable } from 'node:stream';

/**
 * The whole body, or `undefined` as soon as it is known to be longer than `limit` bytes. The rest of a Node stream is
 * discarded as it arrives, so that the client can send it all and then read the response. Rejects if the client
 * disconnects.
 */
export async function readBody(
  body: Readable | AsyncIterable<Uint8Array> | null,
  contentLength: string | null | undefined,
  limit: number,
): Promise<Buffer | undefined> {
  if (Number(contentLength ?? 0) > limit) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : (body ?? [])) {
    length += chunk.length;
    if (length > limit) break;
    chunks.push(chunk);
  }
  if (length <= limit) return Buffer.concat(chunks, length);
  // A stream with a reader ignores this, so the loop comes to its end before.
  if (body instanceof Readable) body.resume();
  return undefined;
}

/** What the transports on Node's own HTTP servers read in a request. */
import type { IncomingMessage } from 'node:http';

/** Every value of the header `Authorization`: Node's `headers` keeps only the first, and HTTP/2 has no `headersDistinct`. */
export function authorizationOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === 'authorization') values.push(rawHeaders[i + 1]!);
  }
  return values;
}

/** Path and query of the request-target, not decoded. */
export function targetOf(request: Pick<IncomingMessage, 'url'>): { readonly path: string; readonly query: string } {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Where an error goes if the program sets no `onError`. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

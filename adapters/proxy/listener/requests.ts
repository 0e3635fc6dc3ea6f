/**
 * node:http's requests. Before it tells of a request, node:http looks for three fields of it, and would make an object of
 * all of them for that; the gate itself reads `rawHeaders` alone. A fourth, TE of HTTP/1.0, is not shown to it: there are no
 * codings in HTTP/1.0 (RFC 9112 §6.1).
 */
import { IncomingMessage } from 'node:http';

export class GateRequest extends IncomingMessage {
  /** node:http has told of it: whoever asks for the headers now wants them all. */
  begun = false;
}

const usual = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, 'headers')!;

Object.defineProperty(GateRequest.prototype, 'headers', {
  ...usual,
  get(this: GateRequest) {
    return this.begun ? usual.get!.call(this) : lookedFor(this.rawHeaders);
  },
});

const nothing = Object.freeze(Object.create(null) as Record<string, string>);

function lookedFor(rawHeaders: readonly string[]): Readonly<Record<string, string>> {
  let found: Record<string, string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i]!;
    if (length !== 6 && length !== 14 && length !== 17) continue;
    const name = rawHeaders[i]!.toLowerCase();
    if (name !== 'expect' && name !== 'content-length' && name !== 'transfer-encoding') continue;
    found ??= Object.create(null) as Record<string, string>;
    found[name] = rawHeaders[i + 1]!;
  }
  return found ?? nothing;
}

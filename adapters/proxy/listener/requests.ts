/**
 * node:http's requests, without an object of all headers. node:http looks up three fields before it emits a request; the
 * gate itself reads only `rawHeaders`. node:http also looks for TE in HTTP/1.0, which is hidden from it: HTTP/1.0 has no
 * transfer codings (RFC 9112 §6.1).
 */
import { IncomingMessage } from 'node:http';

export class GateRequest extends IncomingMessage {
  /** node:http has emitted it: from now on `headers` returns all of them. */
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

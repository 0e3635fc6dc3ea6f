/** A response head on its way to the client, as plugins see it: names and values in turn, as on the wire. */
import { wireValue } from '../../src/gateway/header-hygiene.ts';
import type { ResponseHead } from '../../src/gateway/plugin.ts';

export class FieldList implements ResponseHead {
  readonly status: number;
  readonly #fields: string[];

  constructor(status: number, fields: string[]) {
    this.status = status;
    this.#fields = fields;
  }

  header(name: string): string | undefined {
    let found: string | undefined;
    for (let i = 0; i < this.#fields.length; i += 2) {
      if (!sameName(this.#fields[i]!, name)) continue;
      found = found === undefined ? this.#fields[i + 1]! : `${found}, ${this.#fields[i + 1]}`;
    }
    return found;
  }

  setHeader(name: string, value: string): void {
    this.removeHeader(name);
    this.addHeader(name, value);
  }

  addHeader(name: string, value: string): void {
    if (!isSettable(name)) throw new TypeError(`not a header that can be set on a response: ${JSON.stringify(name)}`);
    this.#fields.push(name, wireValue(value));
  }

  removeHeader(name: string): void {
    for (let i = this.#fields.length - 2; i >= 0; i -= 2) {
      if (sameName(this.#fields[i]!, name)) this.#fields.splice(i, 2);
    }
  }
}

/** Fields that frame the body or concern the connection are set by the listener. */
export function isSettable(name: string): boolean {
  return (
    /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) &&
    !/^(?:connection|keep-alive|content-length|transfer-encoding|upgrade|trailer)$/i.test(name)
  );
}

function sameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

/**
 * Makes the calls of a tutorial as they are printed. Only the host names in `placed` and the placeholders of a call are
 * replaced; the rest of a line is unchanged.
 */
import { type CurlResponse, curl } from '../support/curl.ts';
import type { TestGate } from '../support/open-test-gate.ts';

/** The URL in this test for a printed URL: the same path, at the matching listener of the gate under test. */
export function placed(gate: TestGate, printed: string): { readonly url: string; readonly host?: string } {
  const [, scheme = 'http', host = '', port = '', rest = ''] =
    /^(?:(https?):\/\/)?([^/:?]+)(?::(\d+))?(.*)$/.exec(printed) ?? [];
  // The Admin API and the proxy, by their default ports. Both get a loopback name as Host.
  if (port === '8001') return { url: gate.admin + rest };
  if (port === '8000') return { url: gate.proxy + rest };
  // A host name of the reader: the gate gets it as Host.
  return { url: (scheme === 'https' ? gate.proxyTls : gate.proxy) + rest, host };
}

export interface PrintedPage {
  /** Makes a printed call of curl. `placeholders`: the texts in the line, and their replacements. */
  curl(line: string, placeholders?: Readonly<Record<string, string>>): Promise<CurlResponse>;
  /** `fetch` for printed JavaScript. */
  fetch(url: string, options?: RequestInit): Promise<Response>;
}

export function printedPage(gate: TestGate): PrintedPage {
  return {
    curl(line, placeholders = {}) {
      const { method, url, headers, data } = readCommand(filledIn(line, placeholders));
      const { url: here, host } = placed(gate, url);
      return curl(method, here, data, host === undefined ? headers : { ...headers, Host: host });
    },
    fetch: (url, options) => fetch(placed(gate, url).url, options),
  };
}

function filledIn(line: string, placeholders: Readonly<Record<string, string>>): string {
  return Object.entries(placeholders).reduce((text, [placeholder, value]) => {
    if (!text.includes(placeholder)) throw new Error(`${placeholder} does not stand in: ${line}`);
    return text.replaceAll(placeholder, () => value);
  }, line);
}

interface Command {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: readonly string[];
}

/** The words of a shell command, read as curl reads them. An option that no tutorial uses is an error. */
function readCommand(line: string): Command {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|([^\s\\]+)/g)].map(
    ([, one, two, three]) => one ?? two ?? three!,
  );
  if (words.shift() !== 'curl') throw new Error(`not a call of curl: ${line}`);
  let method: string | undefined;
  let url: string | undefined;
  const headers: Record<string, string> = {};
  const data: string[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    switch (word) {
      case '-X':
      case '-sX':
      // An error of the reference, for -X; in curl, -x is a proxy.
      case '-x':
        method = words.shift();
        break;
      case '-i':
        break;
      case '-H':
      case '--header': {
        const [name, ...value] = words.shift()!.split(':');
        headers[name!.trim()] = value.join(':').trim();
        break;
      }
      case '--data':
      case '--data-raw':
        data.push(words.shift()!);
        break;
      case '--data-urlencode': {
        const [name, ...value] = words.shift()!.split('=');
        data.push(`${name}=${encodeURIComponent(value.join('='))}`);
        break;
      }
      default:
        if (word.startsWith('-') || url !== undefined) throw new Error(`${word}: not read in: ${line}`);
        url = word;
    }
  }
  if (url === undefined) throw new Error(`no URL in: ${line}`);
  return { method: method ?? (data.length > 0 ? 'POST' : 'GET'), url, headers, data };
}

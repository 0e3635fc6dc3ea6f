/**
 * Kong's `cors`: tells browsers which origins may read answers (Fetch Standard, "CORS protocol"), and answers preflights
 * before anybody asks for a credential.
 */
import type { Exchange, Plugin, ResponseHead } from '../gateway/plugin.ts';
import { compileRegex } from '../routing/regex/linear-regex.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';

interface Settings {
  readonly origins: readonly string[] | null;
  readonly headers: readonly string[] | null;
  readonly exposed_headers: readonly string[] | null;
  readonly methods: readonly string[];
  readonly max_age: number | null;
  readonly credentials: boolean;
  readonly preflight_continue: boolean;
  readonly private_network: boolean;
}

const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

export const cors: Plugin = {
  name: 'cors',
  priority: 2000,
  authenticates: false,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        origins: {
          type: 'array',
          elements: { type: 'string', check: checkOrigin },
          description: 'Origins that may read answers: `*`, as they stand, or as regular expressions. Null: all.',
        },
        headers: {
          type: 'array',
          elements: { type: 'string' },
          description: 'Headers that scripts may send. Null: whatever they ask for.',
        },
        exposed_headers: {
          type: 'array',
          elements: { type: 'string' },
          description: 'Headers of answers that scripts may read.',
        },
        methods: {
          type: 'array',
          default: methods,
          elements: { type: 'string', one_of: methods },
          description: 'Methods that scripts may use.',
        },
        max_age: { type: 'number', description: 'Seconds for which browsers may remember the answer to a preflight.' },
        credentials: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Scripts may send cookies and credentials. With `*` this holds for every origin there is.',
        },
        private_network: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Public sites may call, though the gate is in a private network.',
        },
        preflight_continue: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Leaves preflights to the upstream.',
        },
      },
    },
  },
  compile(config) {
    const settings = config as unknown as Settings;
    const allowed = allowedOrigins(settings.origins ?? []);
    const preflights = new WeakSet<Exchange>();

    /** Which origin may read the answer, for a request from `origin`; and whether others get another answer. */
    function permission(origin: string | undefined): Permission {
      const credentials = settings.credentials;
      if (allowed !== 'any') return { origin: allowed(origin), credentials, varies: true };
      // A browser does not take `*` together with credentials.
      return credentials && origin !== undefined
        ? { origin, credentials, varies: true }
        : { origin: '*', credentials: false, varies: false };
    }

    return {
      access(exchange) {
        const { request } = exchange;
        const origin = request.header('origin');
        const method = request.header('access-control-request-method');
        if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return undefined;
        preflights.add(exchange);
        if (settings.preflight_continue) return undefined;
        const headers = headersOf(permission(origin));
        const asked = request.header('access-control-request-headers');
        const names = settings.headers?.length ? settings.headers.join(',') : asked;
        if (names !== undefined) headers.push(['Access-Control-Allow-Headers', names]);
        headers.push(['Access-Control-Allow-Methods', settings.methods.join(',')]);
        if (settings.max_age !== null) headers.push(['Access-Control-Max-Age', String(settings.max_age)]);
        if (settings.private_network && request.header('access-control-request-private-network') === 'true') {
          headers.push(['Access-Control-Allow-Private-Network', 'true']);
        }
        return { status: 200, headers, body: '' };
      },

      respond(exchange, head) {
        // The answer to a preflight says everything already, or is the upstream's to give.
        if (preflights.has(exchange)) return;
        head.removeHeader('Access-Control-Allow-Origin');
        for (const [name, value] of headersOf(permission(exchange.request.header('origin')))) tell(head, name, value);
        if (settings.exposed_headers?.length) {
          head.setHeader('Access-Control-Expose-Headers', settings.exposed_headers.join(','));
        }
      },
    };
  },
};

interface Permission {
  readonly origin: string | undefined;
  readonly credentials: boolean;
  readonly varies: boolean;
}

function headersOf({ origin, credentials, varies }: Permission): [string, string][] {
  const headers: [string, string][] = [];
  if (varies) headers.push(['Vary', 'Origin']);
  if (origin !== undefined) headers.push(['Access-Control-Allow-Origin', origin]);
  if (credentials) headers.push(['Access-Control-Allow-Credentials', 'true']);
  return headers;
}

function tell(head: ResponseHead, name: string, value: string): void {
  if (name === 'Vary') head.addHeader(name, value);
  else head.setHeader(name, value);
}

// Origins -------------------------------------------------------------------------------------------------------------

/** What can be read as it stands; anything else is a regular expression. */
const literal = /^[A-Za-z0-9.:/-]+$/;

function allowedOrigins(origins: readonly string[]): 'any' | ((origin: string | undefined) => string | undefined) {
  if (origins.length === 0 || origins.includes('*')) return 'any';
  const [only] = origins;
  // One origin is told to everybody, whoever asks.
  if (origins.length === 1 && literal.test(only!)) return () => only;
  const patterns = origins.map(originPattern);
  return (text) => {
    if (text === undefined) return undefined;
    const origin = normalOrigin(text);
    return patterns.some((fits) => fits(origin)) ? origin.text : undefined;
  };
}

interface Origin {
  readonly text: string;
  readonly host: string;
}

/** `https://a.example:443` is `https://a.example`. */
function normalOrigin(text: string): Origin {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@]*)(?::(\d+))?\/?$/.exec(text);
  if (parts === null) return { text, host: text };
  const [, scheme, host, port] = parts;
  const isDefault = (scheme === 'http' && port === '80') || (scheme === 'https' && port === '443');
  return { text: `${scheme}://${host}${port === undefined || isDefault ? '' : `:${port}`}`, host: host! };
}

function originPattern(entry: string): (origin: Origin) => boolean {
  if (literal.test(entry)) {
    const { text } = normalOrigin(entry);
    return (origin) => origin.text === text;
  }
  const regex = compileRegex(anchored(entry));
  if ('refused' in regex) throw new TypeError(`'${entry}' is not a valid regex: ${regex.refused}`);
  // Without a colon it cannot be meant for a whole origin.
  return entry.includes(':') ? ({ text }) => regex.test(text) : ({ host }) => regex.test(host);
}

function anchored(entry: string): string {
  return `^(?:${entry.replace(/^\^/, '').replace(/(?<!\\)\$$/, '')})$`;
}

function checkOrigin(entry: string): string | undefined {
  if (entry === '*' || literal.test(entry)) return undefined;
  const regex = compileRegex(anchored(entry));
  return 'refused' in regex ? `'${entry}' is not a valid regex` : undefined;
}

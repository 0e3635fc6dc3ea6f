/**
 * Kong's `cors`: adds the headers by which browsers decide which origins may read responses (Fetch Standard, "CORS
 * protocol"), and responds to preflight requests, which carry no credentials.
 */
import type { Exchange } from '../gateway/plugin.ts';
import { compileRegex } from '../routing/regex/linear-regex.ts';
import { definePlugin } from './define-plugin.ts';

const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'] as const;

export const cors = definePlugin({
  name: 'cors',
  priority: 2000,
  authenticates: false,
  perConsumer: false,
  settings: {
    origins: {
      type: 'array',
      elements: { type: 'string', check: checkOrigin },
      description: 'Origins that may read responses: `*`, literal origins, or regular expressions. Null: all origins.',
    },
    headers: {
      type: 'array',
      elements: { type: 'string' },
      description: 'Request headers that scripts may set. Null: all that they ask for.',
    },
    exposed_headers: {
      type: 'array',
      elements: { type: 'string' },
      description: 'Response headers that scripts may read.',
    },
    methods: {
      type: 'array',
      default: methods,
      elements: { type: 'string', one_of: methods },
      description: 'Methods that scripts may use.',
    },
    max_age: { type: 'number', description: 'How many seconds browsers may cache the response to a preflight.' },
    credentials: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Scripts may send cookies and credentials. With `*` this is true for every origin.',
    },
    private_network: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Public sites may send requests to this gate in a private network.',
    },
    preflight_continue: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Forwards preflight requests to the upstream.',
    },
  },
  compile(settings) {
    const allowed = allowedOrigins(settings.origins ?? []);
    const preflights = new WeakSet<Exchange>();

    /** The headers for a request from `origin`. `Vary`: the response to another origin may differ. */
    function headersFor(origin: string | undefined): [name: string, value: string][] {
      // Browsers do not accept `*` together with credentials.
      if (allowed === 'any' && !(settings.credentials && origin !== undefined)) {
        return [['Access-Control-Allow-Origin', '*']];
      }
      const allowedOrigin = allowed === 'any' ? origin : allowed(origin);
      return [
        ['Vary', 'Origin'],
        ...(allowedOrigin === undefined ? [] : [['Access-Control-Allow-Origin', allowedOrigin] as [string, string]]),
        ...(settings.credentials ? [['Access-Control-Allow-Credentials', 'true'] as [string, string]] : []),
      ];
    }

    return {
      access(exchange) {
        const { request } = exchange;
        const origin = request.header('origin');
        const method = request.header('access-control-request-method');
        if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return undefined;
        preflights.add(exchange);
        if (settings.preflight_continue) return undefined;
        const headers = headersFor(origin);
        const requested = request.header('access-control-request-headers');
        const names = settings.headers?.length ? settings.headers.join(',') : requested;
        if (names !== undefined) headers.push(['Access-Control-Allow-Headers', names]);
        headers.push(['Access-Control-Allow-Methods', settings.methods.join(',')]);
        if (settings.max_age !== null) headers.push(['Access-Control-Max-Age', String(settings.max_age)]);
        if (settings.private_network && request.header('access-control-request-private-network') === 'true') {
          headers.push(['Access-Control-Allow-Private-Network', 'true']);
        }
        return { status: 200, headers, body: '' };
      },

      respond(exchange, head) {
        // The response to a preflight is complete, or is left to the upstream.
        if (preflights.has(exchange)) return;
        head.removeHeader('Access-Control-Allow-Origin');
        for (const [name, value] of headersFor(exchange.request.header('origin'))) {
          if (name === 'Vary') head.addHeader(name, value);
          else head.setHeader(name, value);
        }
        if (settings.exposed_headers?.length) {
          head.setHeader('Access-Control-Expose-Headers', settings.exposed_headers.join(','));
        }
      },
    };
  },
});

// Origins -------------------------------------------------------------------------------------------------------------

/** A literal origin; anything else is a regular expression. */
const literal = /^[A-Za-z0-9.:/-]+$/;

function allowedOrigins(origins: readonly string[]): 'any' | ((origin: string | undefined) => string | undefined) {
  if (origins.length === 0 || origins.includes('*')) return 'any';
  const [only] = origins;
  // A single literal origin is sent in every response, whatever the origin of the request (Kong).
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

/** Removes the default port: `https://a.example:443` becomes `https://a.example`. */
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
  // A pattern without a colon is for the host alone.
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

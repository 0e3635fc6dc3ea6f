import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';

/**
 * The gate's own error response: `message` and `request_id`, in the media type that the client accepts (Kong,
 * routing/upstream-failures). Without an Accept field it is JSON. Where Kong's nginx responds instead of Kong (400, 502, 504;
 * `otherwise: 'text'`), the type of the request's body stands in for a missing Accept, and without that it is plain text.
 */
export function errorResponse(
  request: Pick<ProxiedRequest, 'requestId' | 'header'>,
  status: number,
  message: string,
  also: { readonly headers?: DirectResponse['headers']; readonly otherwise?: 'json' | 'text' } = {},
): DirectResponse {
  const { otherwise = 'json' } = also;
  const wish = request.header('accept') ?? (otherwise === 'text' ? request.header('content-type') : undefined);
  const form = wish === undefined ? otherwise : accepted(wish);
  const { type, print } = forms[form];
  return {
    status,
    headers: [['Content-Type', `${type}; charset=utf-8`], ...(also.headers ?? [])],
    body: print(message, request.requestId),
  };
}

type Form = 'json' | 'text' | 'html' | 'xml';

const forms: Record<Form, { readonly type: string; print(message: string, requestId: string): string }> = {
  json: {
    type: 'application/json',
    print: (message, requestId) => JSON.stringify({ message, request_id: requestId }),
  },
  text: { type: 'text/plain', print: (message, requestId) => `${message}\nrequest_id: ${requestId}\n` },
  html: {
    type: 'text/html',
    print: (message, requestId) => `<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Error</title>
  </head>
  <body>
    <h1>Error</h1>
    <p>${escaped(message)}.</p>
    <p>request_id: ${escaped(requestId)}</p>
  </body>
</html>
`,
  },
  xml: {
    type: 'application/xml',
    print: (message, requestId) => `<?xml version="1.0" encoding="UTF-8"?>
<error>
  <message>${escaped(message)}</message>
  <requestid>${escaped(requestId)}</requestid>
</error>
`,
  },
};

/** Other types get JSON. */
const types = new Map<string, Form>([
  ['application/xml', 'xml'],
  ['text/*', 'text'],
  ['text/plain', 'text'],
  ['text/html', 'html'],
]);

/** The form for the media type of the highest quality (RFC 9110 §12.5.1), the first of equals, whether we have that type or not. */
function accepted(accept: string): Form {
  let best: Form = 'json';
  let bestQuality = 0;
  for (const range of accept.split(',', 32)) {
    const [written, ...parameters] = range.split(';');
    const type = written!.trim().toLowerCase();
    if (!type.includes('/')) continue;
    const quality = parameters.map((parameter) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(parameter)?.[1]).find(Boolean);
    if (Number(quality ?? 1) > bestQuality) {
      best = types.get(type) ?? 'json';
      bestQuality = Number(quality ?? 1);
    }
  }
  return best;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities.get(character)!);
}

const entities = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);

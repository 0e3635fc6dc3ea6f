import type { Answer, ProxiedRequest } from './proxied-request.ts';

/**
 * An answer of the gate itself that says what went wrong: `message` and `request_id`, in the form the client accepts
 * (Kong, routing/upstream-failures). Without a wish of the client it is JSON; where Kong's nginx answers instead of
 * Kong (502, 504), it is plain text: `otherwise: 'text'`.
 */
export function errorAnswer(
  request: Pick<ProxiedRequest, 'requestId' | 'header'>,
  status: number,
  message: string,
  also: { readonly headers?: Answer['headers']; readonly otherwise?: 'json' | 'text' } = {},
): Answer {
  const form = accepted(request.header('accept')) ?? also.otherwise ?? 'json';
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

const types = new Map<string, Form>([
  ['*/*', 'json'],
  ['application/*', 'json'],
  ['application/json', 'json'],
  ['application/xml', 'xml'],
  ['text/*', 'text'],
  ['text/plain', 'text'],
  ['text/html', 'html'],
  ['text/xml', 'xml'],
]);

/** The form the client likes best (RFC 9110 §12.5.1); the first of equals. `undefined`: it names none we have. */
function accepted(accept: string | undefined): Form | undefined {
  let best: Form | undefined;
  let bestQuality = 0;
  for (const range of accept === undefined ? [] : accept.split(',', 32)) {
    const [type, ...parameters] = range.split(';');
    const form = types.get(type!.trim().toLowerCase());
    if (form === undefined) continue;
    const quality = parameters.map((parameter) => /^\s*q=([01](?:\.\d{0,3})?)\s*$/i.exec(parameter)?.[1]).find(Boolean);
    if (Number(quality ?? 1) > bestQuality) {
      best = form === 'json' && type!.includes('*') ? undefined : form;
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

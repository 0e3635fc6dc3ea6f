/** Responds to requests that Node's parser rejects: for the `clientError` event of the Admin listener. */
import type { Duplex } from 'node:stream';

export function respondMalformed(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = responses[error.code ?? ''] ?? ['400 Bad Request', 'Bad request'];
  const body = JSON.stringify({ message });
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${body.length}`,
      'Access-Control-Allow-Origin: *',
      'Access-Control-Allow-Credentials: true',
      '',
      body,
    ].join('\r\n'),
  );
}

const responses: Readonly<Record<string, readonly [status: string, message: string]>> = {
  // An unknown method is no syntax error (RFC 9110 §9.1), but Node accepts a fixed list only.
  HPE_INVALID_METHOD: ['405 Method Not Allowed', 'Method not allowed'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long'],
};

/** Responses that plugins make themselves. */
import { errorResponse } from '../gateway/error-response.ts';
import type { Exchange } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';

/** An error response. Log and metrics get the refusal code. */
export function refuse(
  exchange: Exchange,
  code: RefusalCode,
  status: number,
  message: string,
  headers: DirectResponse['headers'] = [],
): DirectResponse {
  exchange.refusal = code;
  return errorResponse(exchange.request, status, message, { headers });
}

/** For a body that a plugin has to read, and that is larger than it reads. */
export function refuseBody(exchange: Exchange): DirectResponse {
  return refuse(exchange, 'body_too_large', 413, 'Request body too large');
}

export function jsonResponse(status: number, body: unknown, headers: DirectResponse['headers'] = []): DirectResponse {
  return {
    status,
    headers: [['Content-Type', 'application/json; charset=utf-8'], ...headers],
    body: JSON.stringify(body),
  };
}

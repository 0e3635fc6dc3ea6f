/**
 * Decides which requests that node:http and node:http2 parsed are accepted. Both parsers are strict (llhttp, nghttp2); these
 * rules are stricter, since two readings of one request allow request smuggling.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { acceptedMethods } from '../../../src/routing/methods.ts';
import { encodeTarget } from '../../../src/routing/path.ts';
import type { RequestProblem } from '../incoming.ts';

export interface Message {
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly rawHeaders: readonly string[];
  readonly body: number | 'chunked' | 'none';
  readonly expectsContinue: boolean;
  readonly upgrade: string | undefined;
  readonly problem: RequestProblem | undefined;
}

export const badRequest: RequestProblem = { status: 400, message: 'Bad request', refusal: 'bad_request' };
const mostFields = 1000;

export function examineHttp1(request: IncomingMessage): Message {
  const { rawHeaders } = request;
  const httpVersion = request.httpVersionMinor === 0 ? '1.0' : '1.1';
  let target = request.url!;
  let problem: RequestProblem | undefined;
  let hosts = 0;
  let hostAt = -1;
  let authorizations = 0;
  let codings = 0;
  let lengths = 0;
  let length = 0;
  let expect = '';
  let upgrade = '';
  let connection = '';
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === 'host') {
          hosts++;
          hostAt = i + 1;
        }
        break;
      case 6:
        if (name.toLowerCase() === 'expect') expect = rawHeaders[i + 1]!.toLowerCase();
        break;
      case 7:
        if (name.toLowerCase() === 'upgrade') upgrade = rawHeaders[i + 1]!.toLowerCase();
        break;
      case 10:
        if (name.toLowerCase() === 'connection') connection = `${connection},${rawHeaders[i + 1]!.toLowerCase()}`;
        break;
      case 13:
        if (name.toLowerCase() === 'authorization') authorizations++;
        break;
      case 14:
        if (name.toLowerCase() === 'content-length') {
          lengths++;
          if (/^\d{1,15}$/.test(rawHeaders[i + 1]!)) length = Number(rawHeaders[i + 1]);
          else problem = badRequest;
        }
        break;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          codings++;
          // The gate decodes no other coding, and the upstream would get a body that differs from its fields.
          if (rawHeaders[i + 1]!.toLowerCase() !== 'chunked') problem = badRequest;
        }
    }
  }
  let headers = rawHeaders;
  if (!target.startsWith('/')) {
    // "When an origin server receives a request with an absolute-form of request-target, the origin server MUST ignore
    // the received Host header field (if any) and instead use the host information of the request-target."
    // (RFC 9112 §3.2.2)
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
    if (absolute === null) problem = badRequest;
    else {
      target = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]}`;
      headers = [...rawHeaders];
      if (hosts === 1) headers[hostAt] = absolute[1]!;
      else if (hosts === 0) {
        hostAt = headers.push('Host', absolute[1]!) - 1;
        hosts = 1;
      }
    }
  }
  // "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header
  // field and to any request message that contains more than one Host header field line or a Host header field with an
  // invalid field value." (RFC 9112 §3.2)
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) problem = badRequest;
  else if (hosts === 1 && !host.test(headers[hostAt]!)) problem = badRequest;
  // With two credentials, the gate would check one and the upstream might use the other (Kong: the same response).
  if (authorizations > 1) problem = badRequest;
  // "A sender MUST NOT send a Content-Length header field in any message that contains a Transfer-Encoding header field"
  // (RFC 9112 §6.2); and HTTP/1.0 has no codings (§6.1).
  if (codings > 1 || lengths > 1 || (codings > 0 && (lengths > 0 || httpVersion === '1.0'))) problem = badRequest;
  if (!requestTarget.test(target)) problem = badRequest;
  if (rawHeaders.length > mostFields * 2) problem = headTooLarge;
  // node:http accepts "HTTP/2.0" and a missing version like HTTP/1.1 (RFC 9110 §15.6.6 would have 505).
  if (request.httpVersionMajor !== 1) problem = badRequest;
  problem ??= commonProblem(request.method!);
  if (expect !== '' && expect !== '100-continue') problem ??= expectationFailed;
  return {
    target,
    httpVersion,
    rawHeaders: headers,
    body: codings > 0 ? 'chunked' : lengths > 0 ? length : 'none',
    expectsContinue: expect === '100-continue' && httpVersion === '1.1',
    upgrade: upgrade === 'websocket' && /[,\s]upgrade\s*(?:,|$)/.test(connection) ? upgrade : undefined,
    problem,
  };
}

export function examineHttp2(request: Http2ServerRequest, headSize: number): Message {
  const rawHeaders: string[] = [];
  const received = request.rawHeaders;
  const target = encodeTarget(request.url ?? '');
  let problem: RequestProblem | undefined;
  let authority: string | undefined;
  let hostName: string | undefined;
  let cookieAt = -1;
  let size = 0;
  let authorizations = 0;
  let lengths = 0;
  let length = 0;
  let expect = '';
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i]!;
    const value = received[i + 1]!;
    // The size of a field list, as RFC 9113 §6.5.2 defines it.
    size += name.length + value.length + 32;
    if (name.charCodeAt(0) === 0x3a) {
      if (name === ':authority') authority = value;
      continue;
    }
    // The upstream gets HTTP/1.1, where these would end a line (RFC 9113 §8.2.1).
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) problem = badRequest;
    if (name === 'host') {
      if (hostName !== undefined) problem = badRequest;
      hostName = value;
      continue;
    }
    if (name === 'cookie') {
      // "If there are multiple Cookie header fields after decompression, these MUST be concatenated into a single octet
      // string using the two-octet delimiter of 0x3b, 0x20" (RFC 9113 §8.2.3)
      if (cookieAt === -1) cookieAt = rawHeaders.push(name, value) - 1;
      else rawHeaders[cookieAt] += `; ${value}`;
      continue;
    }
    if (name === 'authorization') authorizations++;
    else if (name === 'expect') expect = value.toLowerCase();
    else if (name === 'content-length') {
      lengths++;
      if (/^\d{1,15}$/.test(value)) length = Number(value);
      else problem = badRequest;
    } else if (name === 'transfer-encoding') problem = badRequest;
    rawHeaders.push(name, value);
  }
  // "A client that generates HTTP/2 requests directly MUST NOT generate a request with a Host header field that differs
  // from the ":authority" pseudo-header field." (RFC 9113 §8.3.1)
  if (authority !== undefined && hostName !== undefined && authority !== hostName) problem = badRequest;
  const hostSent = authority ?? hostName;
  if (hostSent === undefined || !host.test(hostSent)) problem = badRequest;
  else rawHeaders.push('host', hostSent);
  if (authorizations > 1 || lengths > 1 || !requestTarget.test(target)) problem = badRequest;
  if (received.length > mostFields * 2 || size > headSize) problem = headTooLarge;
  problem ??= commonProblem(request.method);
  if (expect !== '' && expect !== '100-continue') problem ??= expectationFailed;
  const isEnded = request.stream.endAfterHeaders;
  return {
    target,
    httpVersion: '2',
    rawHeaders,
    body: lengths > 0 ? length : isEnded ? 'none' : 'chunked',
    expectsContinue: expect === '100-continue',
    upgrade: undefined,
    problem,
  };
}

function commonProblem(method: string): RequestProblem | undefined {
  // Methods are case-sensitive (RFC 9110 §9.1). An upstream that accepts `get` as GET would serve what a route for GET
  // alone guards. node:http parses no method but these, so node:http2 must not accept others.
  if (!acceptedMethods.has(method)) return badRequest;
  // TRACE would echo the fields that the gate adds (Kong's nginx, token/methods-and-paths).
  return method === 'TRACE' ? { status: 405, message: 'Method not allowed', refusal: 'method_not_allowed' } : undefined;
}

export const headTooLarge: RequestProblem = {
  status: 431,
  message: 'Request header or cookie too large',
  refusal: 'head_too_large',
};
const expectationFailed: RequestProblem = { status: 417, message: 'Expectation failed', refusal: 'expectation_failed' };

/** uri-host [ ":" port ] (RFC 9110 §7.2), without percent-encoding, which is unused in host names and which programs decode differently. */
const host = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;
// "origin-form = absolute-path [ "?" query ]" (RFC 9112 §3.2.1) has no fragment. An upstream that drops it would serve another
// path than the one that was matched.
const requestTarget = /^\/[\x21\x22\x24-\x7e]*$/;

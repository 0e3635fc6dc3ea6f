/** Calls as `curl` makes them: `--data` lines joined to a form, any header, a certificate of the gate's own let pass. */
import { request as overHttp } from 'node:http';
import { request as overTls } from 'node:https';
import type { Body } from './open-test-gate.ts';

export interface CurlResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Body;
}

export const get = (url: string, headers: Record<string, string> = {}): Promise<CurlResponse> =>
  curl('GET', url, [], headers);

export const post = (
  url: string,
  data: readonly string[],
  headers: Record<string, string> = {},
): Promise<CurlResponse> => curl('POST', url, data, headers);

export function curl(
  method: string,
  url: string,
  data: readonly string[] = [],
  headers: Record<string, string> = {},
): Promise<CurlResponse> {
  const body = data.join('&');
  const type = data.length === 0 ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? overTls : overHttp;
    const call = request(url, { method, headers: { ...type, ...headers }, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode!, headers: response.headers, text, json: parsed(text) });
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

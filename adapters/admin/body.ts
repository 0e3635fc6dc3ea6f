/**
 * The body of a request: JSON as it is, forms as the tree that their names spell out. What a field of a form means is
 * for its description to say, which is not known yet.
 */
import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../../src/schema/description.ts';
import { type FormPair, formTree } from '../../src/schema/form.ts';
import { isObject } from '../../src/schema/json.ts';
import { readBody as readBytes } from '../request-body.ts';
import { type AdminResponse, badRequest } from './response.ts';

export interface Body {
  readonly form: boolean;
  readonly sent: JsonObject;
  /** As it was sent, where that is one text. */
  readonly text?: string;
}

export type BodyRead = { readonly body: Body } | { readonly refusal: AdminResponse };

const nothing: BodyRead = { body: { form: true, sent: {} } };
const unparsable: BodyRead = { refusal: badRequest('Cannot parse JSON body') };

export async function readBody(request: IncomingMessage, limit: number, { readsText = false } = {}): Promise<BodyRead> {
  const contentType = request.headers['content-type'];
  const mediaType = contentType?.replace(/;.*$/s, '').trim().toLowerCase();
  const isText = readsText && mediaType !== undefined && textual.test(mediaType);
  if (mediaType !== undefined && !isText && !['application/json', urlencoded, multipart].includes(mediaType))
    return unsupported;
  const bytes = await readBytes(request, request.headers['content-length'], limit);
  if (bytes === undefined) return tooLarge(limit);
  if (isText) return { body: { form: false, sent: {}, text: bytes.toString('utf8') } };
  switch (mediaType) {
    case 'application/json':
      return readJson(bytes);
    case urlencoded:
      return { body: { form: true, sent: formTree(urlencodedPairs(bytes.toString('utf8'))) } };
    case multipart:
      return readMultipart(bytes, contentType!);
    default:
      return bytes.length === 0 ? nothing : unsupported;
  }
}

const urlencoded = 'application/x-www-form-urlencoded';
const multipart = 'multipart/form-data';
const textual = /^(?:text\/(?:plain|yaml|x-yaml)|application\/(?:yaml|x-yaml))$/;

function readJson(bytes: Buffer): BodyRead {
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    return unparsable;
  }
  // To Lua, on the other side of many a client, an empty list and an empty object are the same.
  if (Array.isArray(json) && json.length === 0) return { body: { form: false, sent: {} } };
  return isObject(json)
    ? { body: { form: false, sent: json, text } }
    : { refusal: badRequest('Cannot parse JSON body: an object is expected') };
}

function urlencodedPairs(text: string): FormPair[] {
  return text
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals === -1
        ? [unescaped(part), true]
        : [unescaped(part.slice(0, equals)), unescaped(part.slice(equals + 1))];
    });
}

function unescaped(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

async function readMultipart(bytes: Buffer, contentType: string): Promise<BodyRead> {
  try {
    const parts = await new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType } }).formData();
    const pairs = await Promise.all(
      [...parts].map(async ([name, value]): Promise<FormPair> => {
        return [name, typeof value === 'string' ? value : await value.text()];
      }),
    );
    return { body: { form: true, sent: formTree(pairs) } };
  } catch {
    return { refusal: badRequest('Cannot parse multipart body') };
  }
}

const unsupported: BodyRead = {
  refusal: {
    status: 415,
    headers: { 'Content-Type': 'text/html; charset=UTF-8' },
    body: [
      '<html>',
      '<head><title>415 Unsupported Media Type</title></head>',
      '<body>',
      '<center><h1>415 Unsupported Media Type</h1></center>',
      '</body>',
      '</html>',
      '',
    ].join('\r\n'),
  },
};

function tooLarge(limit: number): BodyRead {
  return {
    refusal: {
      status: 413,
      // What is still on its way is not read.
      headers: { Connection: 'close' },
      body: { message: `Payload too large: at most ${limit} bytes are read` },
    },
  };
}

/**
 * The body of a request: JSON as it is, forms as the tree that their names spell out. What a field of a form means is
 * for its description to say, which is not known yet.
 */
import type { IncomingMessage } from 'node:http';
import { type FormField, readForm } from '../../src/content/form.ts';
import { readJson } from '../../src/content/json.ts';
import { json, mediaType, multipart, urlencoded } from '../../src/content/media-type.ts';
import { contentOf, readMultipart } from '../../src/content/multipart.ts';
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
  const type = mediaType(contentType);
  const isText = readsText && textual.test(type);
  if (contentType !== undefined && !isText && ![json, urlencoded, multipart].includes(type)) return unsupported;
  const bytes = await readBytes(request, request.headers['content-length'], limit);
  if (bytes === undefined) return tooLarge(limit);
  if (isText) return { body: { form: false, sent: {}, text: bytes.toString('utf8') } };
  switch (type) {
    case json:
      return jsonBody(bytes);
    case urlencoded:
      return { body: { form: true, sent: formTree(pairsOf(readForm(bytes.toString('utf8')))) } };
    case multipart:
      return multipartBody(bytes, contentType!);
    default:
      return bytes.length === 0 ? nothing : unsupported;
  }
}

const textual = /^(?:text\/(?:plain|yaml|x-yaml)|application\/(?:yaml|x-yaml))$/;

function jsonBody(bytes: Buffer): BodyRead {
  const text = textOf(bytes);
  const read = text === undefined ? undefined : readJson(text);
  if (text === undefined || read === undefined) return unparsable;
  const { value } = read;
  // To Lua, on the other side of many a client, an empty list and an empty object are the same.
  if (Array.isArray(value) && value.length === 0) return { body: { form: false, sent: {} } };
  return isObject(value)
    ? { body: { form: false, sent: value, text } }
    : { refusal: badRequest('Cannot parse JSON body: an object is expected') };
}

/** `undefined`: the bytes are not UTF-8. */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function multipartBody(bytes: Buffer, contentType: string): BodyRead {
  const read = readMultipart(contentType, bytes);
  if (read?.closed !== true || read.parts.some(({ name }) => name === undefined)) {
    return { refusal: badRequest('Cannot parse multipart body') };
  }
  return {
    body: {
      form: true,
      sent: formTree(pairsOf(read.parts.map((part) => ({ name: part.name!, value: contentOf(part) })))),
    },
  };
}

function pairsOf(fields: readonly Pick<FormField, 'name' | 'value'>[]): FormPair[] {
  return fields.map(({ name, value }) => [name, value ?? true]);
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

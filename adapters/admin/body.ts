/**
 * Reads the body of a request: JSON as it is, forms as the tree that their names describe. The values of a form are
 * still text; the description of the entity says which of them are numbers or lists.
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
import { type AdminResponse, badRequest, message, text } from './response.ts';

export interface Body {
  readonly form: boolean;
  readonly sent: JsonObject;
  /** The body as it was sent, if it is one text. */
  readonly text?: string;
}

export type BodyRead = { readonly body: Body } | { readonly refusal: AdminResponse };

const nothing: BodyRead = { body: { form: true, sent: {} } };
const unparsable: BodyRead = { refusal: badRequest('Cannot parse JSON body') };

/** Bytes of a request body. */
const largestBody = 10 * 1_048_576;

export async function readBody(
  request: IncomingMessage,
  { readsText = false, time }: { readonly readsText?: boolean; readonly time?: number | undefined } = {},
): Promise<BodyRead> {
  const contentType = request.headers['content-type'];
  const type = mediaType(contentType);
  const isText = readsText && textual.test(type);
  if (contentType !== undefined && !isText && ![json, urlencoded, multipart].includes(type)) return unsupported;
  const bytes = await readBytes(request, request.headers['content-length'], { size: largestBody, time });
  if (bytes === 'late') return late;
  if (bytes === undefined) return tooLarge;
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
  const sent = textOf(bytes);
  const read = sent === undefined ? undefined : readJson(sent);
  if (sent === undefined || read === undefined) return unparsable;
  const { value } = read;
  // Clients in Lua send an empty list for an empty object.
  if (Array.isArray(value) && value.length === 0) return { body: { form: false, sent: {} } };
  return isObject(value)
    ? { body: { form: false, sent: value, text: sent } }
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
  if (bytes.length === 0) return nothing;
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
  refusal: text(
    [
      '<html>',
      '<head><title>415 Unsupported Media Type</title></head>',
      '<body>',
      '<center><h1>415 Unsupported Media Type</h1></center>',
      '</body>',
      '</html>',
      '',
    ].join('\r\n'),
    'text/html; charset=UTF-8',
    415,
  ),
};

const late: BodyRead = { refusal: message(408, 'The request took too long', { Connection: 'close' }) };

const tooLarge: BodyRead = {
  // The rest of the body is not read.
  refusal: message(413, `Payload too large: at most ${largestBody} bytes are read`, { Connection: 'close' }),
};

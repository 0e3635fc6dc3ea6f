/** The named fields of a body: of a form, of multipart or of a JSON object. Fields that are not edited are printed as sent. */
import { readForm } from '../content/form.ts';
import { readJsonObject } from '../content/json.ts';
import { json, mediaType, multipart, urlencoded } from '../content/media-type.ts';
import { contentOf, type Part, part, printMultipart, readMultipart } from '../content/multipart.ts';
import { formNamed, listNamed, mapNamed, type Printed } from './named.ts';

/** `undefined`: the body is of another type, or cannot be read as the type that it names. */
export function bodyFields(contentType: string | undefined, body: Uint8Array): Printed<Uint8Array> | undefined {
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  switch (mediaType(contentType)) {
    case urlencoded: {
      const fields = formNamed(readForm(octets.toString('latin1')));
      return { ...fields, print: () => Buffer.from(fields.print(), 'latin1') };
    }
    case multipart:
      return multipartFields(contentType!, body);
    case json: {
      const members = readJsonObject(octets.toString('utf8'));
      return members && { ...mapNamed(members), print: () => Buffer.from(JSON.stringify(Object.fromEntries(members))) };
    }
    default:
      return undefined;
  }
}

function multipartFields(contentType: string, body: Uint8Array): Printed<Uint8Array> | undefined {
  const read = readMultipart(contentType, body);
  if (read?.closed !== true) return undefined;
  const renamed = (old: Part, name: string): Part => part(name, contentOf(old));
  const { named, all } = listNamed(read.parts, part, renamed);
  return { ...named, print: () => printMultipart(read, all()) };
}

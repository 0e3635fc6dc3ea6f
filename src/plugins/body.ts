/** The named fields of a body: of a form, of multipart or of a JSON object. Fields that are not edited are printed as sent. */
import { readForm } from '../content/form.ts';
import { readJsonMembers } from '../content/json.ts';
import { json, mediaType, multipart, urlencoded } from '../content/media-type.ts';
import { contentOf, type Part, part, printMultipart, readMultipart } from '../content/multipart.ts';
import { formNamed, jsonNamed, listNamed, type Printed } from './named.ts';

/**
 * An empty body has no fields. `all bodies`: multipart without its closing delimiter too, whose last part is then dropped;
 * credentials are read from such a body, so they must be hidden in it. `undefined`: the body is of another type, or cannot be read as the type that it
 * names.
 */
export function bodyFields(
  contentType: string | undefined,
  body: Uint8Array,
  of: 'whole bodies' | 'all bodies' = 'whole bodies',
): Printed<Uint8Array> | undefined {
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  switch (mediaType(contentType)) {
    case urlencoded: {
      const fields = formNamed(readForm(octets.toString('latin1')));
      return { ...fields, print: () => Buffer.from(fields.print(), 'latin1') };
    }
    case multipart:
      return multipartFields(contentType!, body, of);
    case json:
      return jsonFields(octets.length === 0 ? '{}' : octets.toString('utf8'));
    default:
      return undefined;
  }
}

function jsonFields(text: string): Printed<Uint8Array> | undefined {
  const members = readJsonMembers(text);
  if (members === undefined) return undefined;
  const named = jsonNamed(members);
  return {
    ...named,
    set: (name, value) => named.set(name, JSON.stringify(value)),
    append: (name, value) => named.append(name, JSON.stringify(value)),
    print: () => Buffer.from(named.print()),
  };
}

function multipartFields(
  contentType: string,
  body: Uint8Array,
  of: 'whole bodies' | 'all bodies',
): Printed<Uint8Array> | undefined {
  const read = readMultipart(contentType, body);
  if (read === undefined || (!read.closed && body.length > 0 && of === 'whole bodies')) return undefined;
  const renamed = (old: Part, name: string): Part => part(name, contentOf(old));
  const { named, all } = listNamed(read.parts, part, renamed);
  return { ...named, print: () => printMultipart(read, all()) };
}

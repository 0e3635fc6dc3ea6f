/** Names of headers in settings. */
import type { StringField } from '../schema/description.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A header that is looked at (Kong's `header_name`). */
export const headerName: StringField = {
  type: 'string',
  check: (name) =>
    token.test(name) ? undefined : `bad header name '${name}', allowed characters are A-Z, a-z, 0-9, '_', and '-'`,
};

// How a message ends and how a connection goes on is said by whoever sends it, never by a setting.
const framing =
  /^(?:connection|keep-alive|proxy-connection|upgrade|http2-settings|transfer-encoding|content-length|expect|te|trailer)$/i;

/** Why a header cannot be set, neither for an upstream nor on an answer. */
export function checkSettable(name: string): string | undefined {
  if (!token.test(name)) return `'${name}' is not a valid header`;
  return framing.test(name) ? `the header '${name}' cannot be set` : undefined;
}

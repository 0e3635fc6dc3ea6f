/** Names of headers in settings. */
import type { StringField } from '../schema/description.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The name of a header that a plugin reads (Kong's `header_name`). */
export const headerName: StringField = {
  type: 'string',
  check: (name) =>
    token.test(name) ? undefined : `bad header name '${name}', allowed characters are A-Z, a-z, 0-9, '_', and '-'`,
};

// The sender of a message sets the headers for its length and connection; a setting never does.
const framing =
  /^(?:connection|keep-alive|proxy-connection|upgrade|http2-settings|transfer-encoding|content-length|expect|te|trailer)$/i;

/** Why a plugin cannot set a header of a request or response. */
export function checkSettable(name: string): string | undefined {
  if (!token.test(name)) return `'${name}' is not a valid header`;
  return framing.test(name) ? `the header '${name}' cannot be set` : undefined;
}

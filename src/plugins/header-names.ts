const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

// The sender of a message sets the headers for its length and connection; a setting never does.
const framing =
  /^(?:connection|keep-alive|proxy-connection|upgrade|http2-settings|transfer-encoding|content-length|expect|te|trailer)$/i;

/** Why a plugin cannot set a header of a request or response. */
export function checkSettable(name: string): string | undefined {
  if (!token.test(name)) return `'${name}' is not a valid header`;
  return framing.test(name) ? `the header '${name}' cannot be set` : undefined;
}

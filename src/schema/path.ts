/** Checks the path of a service: only characters of RFC 3986, and valid percent-encoding (Kong). */
export function checkPath(path: string): string | undefined {
  return checkCharacters(path) ?? checkPercentEncoding(path);
}

function checkCharacters(path: string): string | undefined {
  return /^\/[A-Za-z0-9._~/%:@!$&'()*+,;=-]*$/.test(path)
    ? undefined
    : `invalid path: '${path}' (characters outside of the reserved list of RFC 3986 found)`;
}

function checkPercentEncoding(path: string): string | undefined {
  const stray = /%(?![0-9A-Fa-f]{2}).{0,2}/s.exec(path);
  return stray === null ? undefined : `invalid url-encoded value: '${stray[0]}'`;
}

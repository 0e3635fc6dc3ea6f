/** The media type of a Content-Type, in lower case and without parameters; empty without a Content-Type. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

export const urlencoded = 'application/x-www-form-urlencoded';
export const multipart = 'multipart/form-data';
export const json = 'application/json';

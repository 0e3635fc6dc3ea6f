/** The only source of randomness. */
export interface Entropy {
  /** 32 letters and digits: 190 bits, more than the 160 that RFC 6749 §10.10 requires. For codes, tokens, client ids and secrets. */
  token(): string;
  /** A random UUID (RFC 9562 §5.4). */
  uuid(): string;
}

/** Derives the successor of a refresh token from the token itself, so that a repeated refresh returns the same tokens. */
export interface Successors {
  successorOf(refreshToken: string): { readonly accessToken: string; readonly refreshToken: string };
}

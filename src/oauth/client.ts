/** Milliseconds since the epoch. All instants in the core are of this type; the wire prints seconds. */
export type EpochMilliseconds = number;

/** A registered client (RFC 6749 §2): Kong's oauth2 credential. */
export interface Client {
  /** The id of the record (a UUID), which never changes. Not a secret, not the `client_id`. */
  readonly id: string;
  readonly clientId: string;
  readonly name: string;
  /** "OAuth defines two client types, based on their ability to authenticate securely" (RFC 6749 §2.1). */
  readonly type: 'confidential' | 'public';
  /** In the order registered; `undefined` when the client never registered any (Kong tells that from an empty list). */
  readonly redirectUris: readonly string[] | undefined;
  readonly consumerId: string;
}

/** Who owns a client (Kong's consumer). */
export interface Consumer {
  readonly id: string;
  readonly username: string | undefined;
  readonly customId: string | undefined;
}

/** How a client says who it is (RFC 6749 §2.3.1). `none`: a `client_id` and no secret. */
export interface ClientAuthentication {
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'none';
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  /** The address it comes from, where failures are counted by it; `undefined`: they are not. */
  readonly from: string | undefined;
}

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
  /** In the order registered. `undefined`: none was ever registered, which differs from an empty list in Kong. */
  readonly redirectUris: readonly string[] | undefined;
  readonly consumerId: string;
}

/** The owner of a client (Kong's consumer). */
export interface Consumer {
  readonly id: string;
  readonly username: string | undefined;
  readonly customId: string | undefined;
}

export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
}

/** The credentials that a client sent (RFC 6749 §2.3.1). `none`: a `client_id` without a secret. */
export interface ClientAuthentication extends ClientCredentials {
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'none';
  /** What the same Basic credentials can mean besides, in order, where their text has several meanings (docs/decisions/0025). */
  readonly otherReadings?: readonly ClientCredentials[] | undefined;
  /** The client address, if failures are counted. */
  readonly from: string | undefined;
}

/** Every meaning of the credentials, the one as sent first. */
export function readingsOf({ clientId, clientSecret, otherReadings = [] }: ClientAuthentication): ClientCredentials[] {
  return [{ clientId, clientSecret }, ...otherReadings];
}

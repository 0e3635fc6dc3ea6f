/**
 * What a store rejects with when it cannot be asked: it is gone, slow, or shutting down. Nothing is known then, so nobody
 * may pass and nothing may be issued; a transport answers 503 with `Retry-After`, never 401 and never "yes".
 */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** A store cannot be opened. The message says which store and why, and what the operator can do. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}

/** The connections of the proxy's listeners, counted since the start, with the names of nginx's stub_status. */
export interface ConnectionCounts {
  readonly accepted: number;
  readonly active: number;
  readonly handled: number;
  /** Always 0: Node reports a request only when its head is complete. */
  readonly reading: number;
  /** Connections with a request in progress. */
  readonly writing: number;
  /** Idle connections. */
  readonly waiting: number;
  readonly requests: number;
}

/** What the faulty upstream and its parent process agree on. */

export const faults = {
  'fin with the response': 'FIN with the response',
  'fin later': 'FIN 0 to 6 ms later',
  'rst later': 'RST 0 to 6 ms later',
  'read, then abort': 'read, then abort',
} as const;
export type Fault = keyof typeof faults;

export interface Counts {
  readonly processed: number;
  /** Calls that were processed more than once. */
  readonly twice: number;
}

/** One setting of the gate. */
import type { Reading } from './reading.ts';

export interface Setting {
  readonly title: string;
  /** What may be written. */
  readonly form: string;
  readonly description: string;
  readonly recommendation: string;
  /** The text that is read when the setting is not given … */
  readonly default?: string;
  /** … or, without such a text, what the gate does then. */
  readonly otherwise?: string;
  /** Kong's name in the environment, without `KONG_`. */
  readonly kong?: string;
  /** The value never appears in a message. */
  readonly secret?: true;
  readonly read: (text: string) => Reading<unknown>;
}

/** What happened when a configuration file was loaded. */
import type { DocumentProblem } from './document.ts';
import type { KindRows } from './plan-changes.ts';

export type Loaded =
  | {
      readonly outcome: 'loaded';
      readonly rows: readonly KindRows[];
      readonly added: number;
      readonly changed: number;
      readonly removed: number;
      /** The plugins that were skipped, as configured. */
      readonly skipped: readonly string[];
      readonly warnings: readonly DocumentProblem[];
    }
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'refused'; readonly problems: readonly DocumentProblem[] };

/**
 * Reads a declarative configuration: returns its rows, or all of its problems at once. Entities are at the top level or
 * nested in those that they refer to; references are names or ids, and point to entities of the same file. Nothing is
 * dropped: an unknown entity, plugin or field is a problem, unless the plugin is one to skip.
 *
 * Items (`items.ts`) become rows (`rows.ts`), and then all rows are checked together (`check-rows.ts`).
 */
import { isObject, own } from '../schema/json.ts';
import { checkRows } from './check-rows.ts';
import type { ConfigurationDocument, DocumentProblem, Place, Report } from './document.ts';
import { formatVersionOf, formatVersions } from './format.ts';
import { itemsOf } from './items.ts';
import { type DeclaredRow, type Reading, rowsOf } from './rows.ts';
import { isKnownPlugin, notSkippable } from './skipped-plugins.ts';

export type DocumentRead =
  | {
      readonly rows: readonly DeclaredRow[];
      /** Whether the secrets in the file are plain text; otherwise they are as stored (`_transform`). */
      readonly transform: boolean;
      /** The plugins that were left out. */
      readonly skipped: readonly { readonly name: string; readonly place: Place }[];
      readonly problems?: undefined;
    }
  | { readonly problems: readonly DocumentProblem[] };

export function readDocument(document: ConfigurationDocument, reading: Reading): DocumentRead {
  const steps = documentSteps(document, reading);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps of about equal length, so that a gate can serve requests between them. */
export function* documentSteps(document: ConfigurationDocument, reading: Reading): Generator<undefined, DocumentRead> {
  const { entities, skipPlugins } = reading;
  const problems: DocumentProblem[] = [];
  const report: Report = (place, message) => void problems.push({ place, line: document.lineOf(place), message });

  for (const name of skipPlugins) {
    const why = notSkippable(name, isKnownPlugin(entities, name));
    if (why !== undefined) problems.push({ place: [], message: `--skip-plugins: ${why}` });
  }
  const { value } = document;
  if (!isObject(value)) {
    report([], 'a declarative configuration is an object that begins with _format_version');
    return { problems };
  }
  const version = formatVersionOf(own(value, '_format_version'));
  if (version === undefined) {
    const quoted = formatVersions.map((known) => `'${known}'`).join(', ');
    report(
      ['_format_version'],
      `${'_format_version' in value ? 'expected' : 'required field missing:'} one of ${quoted}`,
    );
  }
  const transform = own(value, '_transform') ?? true;
  if (typeof transform !== 'boolean') report(['_transform'], 'expected a boolean');

  const walk = itemsOf(value, { entities, skipPlugins, oldPaths: version !== '3.0', report });
  yield undefined;
  const rows = yield* rowsOf(walk.items, reading, report);
  checkRows(rows, walk.items, document, report);
  if (problems.length > 0) {
    return { problems: problems.sort((one, other) => (one.line ?? 0) - (other.line ?? 0)) };
  }
  return { rows, transform: transform as boolean, skipped: walk.skipped };
}

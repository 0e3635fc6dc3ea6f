/**
 * Reads a declarative configuration: returns its rows, or all of its problems at once. Entities are at the top level or
 * nested in those that they refer to; references are names or ids, and point to entities of the same file. Nothing is
 * dropped: an unknown entity, plugin or field is a problem, unless the plugin is one to skip.
 *
 * Items (`items.ts`) become rows (`rows.ts`), and then all rows are checked together (`check-rows.ts`).
 */
import { withoutEffect } from '../entities/without-effect.ts';
import { isObject, own } from '../schema/json.ts';
import { checkRows } from './check-rows.ts';
import { type ConfigurationDocument, type DocumentProblem, type Place, placeText, type Report } from './document.ts';
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
      /** What loads, but probably does not do what its author means. */
      readonly warnings: readonly DocumentProblem[];
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

  const warnings: DocumentProblem[] = [];
  const warn: Report = (place, message) => void warnings.push({ place, line: document.lineOf(place), message });

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

  const walk = yield* itemsOf(value, { entities, skipPlugins, oldPaths: version !== '3.0', report, warn });
  yield undefined;
  // A value with a placeholder is often invalid too; one message is enough.
  const reported = new Set(problems.map(({ place }) => placeText(place)));
  const rows = yield* rowsOf(walk.items, reading, (place, message) => {
    if (!reported.has(placeText(place))) report(place, message);
  });
  yield* checkRows(rows, walk.items, document, report);
  for (const { description, row, place } of rows) {
    for (const { field, message } of withoutEffect(description.name, row)) warn([...place, field], message);
  }
  if (problems.length > 0) {
    return { problems: byLine(problems) };
  }
  return { rows, transform: transform as boolean, skipped: walk.skipped, warnings: byLine(warnings) };
}

function byLine(problems: readonly DocumentProblem[]): readonly DocumentProblem[] {
  return problems.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0));
}

/** Checks a configuration file without a gate: returns all problems that a gate with these plugins would find. */
import type { DocumentProblem } from '../../src/declarative/document.ts';
import { readDocument } from '../../src/declarative/read-document.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import { documentOf, readText } from './read-text.ts';

export type Checked =
  | { readonly problems: readonly DocumentProblem[] }
  | {
      readonly problems?: undefined;
      /** How many there are of each kind. */
      readonly counts: ReadonlyMap<string, number>;
      readonly skipped: readonly string[];
      readonly warnings: readonly DocumentProblem[];
    };

export function checkText(
  text: string,
  plugins: PluginDescriptions,
  skipPlugins: readonly string[],
  now: number,
): Checked {
  const syntax = readText(text);
  if (syntax.problems !== undefined) return syntax;
  const document = documentOf(syntax);
  const read = readDocument(document, {
    entities: describeEntities(plugins),
    skipPlugins,
    stored: () => undefined,
    now,
    // The rows are dropped after the check.
    token: () => 'checked'.padEnd(32, '-'),
  });
  if (read.problems !== undefined) return read;
  const counts = new Map<string, number>();
  for (const { description } of read.rows) counts.set(description.name, (counts.get(description.name) ?? 0) + 1);
  return { counts, skipped: read.skipped.map(({ name }) => name), warnings: read.warnings };
}

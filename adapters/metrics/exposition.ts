/** Families of metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats). */

export type Labels = Readonly<Record<string, string>>;

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly { readonly labels?: Labels; readonly value: number }[];
}

export function printFamily({ name, type, help, samples }: Family): string[] {
  // A reader refuses two samples with the same labels, as those of an entity that was deleted and made again.
  const byLabels = new Map<string, number>();
  for (const { labels = {}, value } of samples) {
    const text = printLabels(labels);
    byLabels.set(text, (byLabels.get(text) ?? 0) + value);
  }
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...[...byLabels].map(([labels, value]) => `${name}${labels} ${value}`).sort(),
  ];
}

function printLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** "label_value can be any sequence of UTF-8 characters, but the backslash, double-quote, and line feed characters have to be escaped" */
function escaped(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}

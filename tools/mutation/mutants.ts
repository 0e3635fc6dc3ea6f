/** All mutants of a source file, made by Stryker's instrumenter: each is one small change of the code. */

import type { InstrumenterOptions } from '@stryker-mutator/instrumenter';
import { createInstrumenter } from '@stryker-mutator/instrumenter';

export interface Mutant {
  /** From the root of the project. */
  readonly path: string;
  /** The kind of change, in Stryker's words: `ConditionalExpression`, `BlockStatement`. */
  readonly kind: string;
  /** Offsets into the text of the file. */
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly line: number;
  readonly original: string;
  readonly replacement: string;
}

const options: InstrumenterOptions = {
  plugins: null,
  excludedMutations: [],
  ignorers: [],
  mutator: {},
} as unknown as InstrumenterOptions;

const silent = new Proxy({}, { get: (_, name) => (name === 'isDebugEnabled' ? () => false : () => undefined) });

/** Stryker builds its parts by an injector; the instrumenter takes nothing from it but a log. */
const injector = {
  provideValue: () => injector,
  injectClass: (part: new (log: unknown) => unknown) => new part(silent),
} as unknown as Parameters<typeof createInstrumenter>[0];

/** Texts for people are no decisions: what a log line or a description says is not what a mutant is to change. */
const textOnly =
  /(?:description|title|recommendation|form|otherwise|log\.(?:info|warn|error|debug)\(.*|new (?:Type)?Error\(|throw .*)[:(]?\s*$/;

export async function mutantsOf(path: string, text: string): Promise<readonly Mutant[]> {
  const instrumenter = createInstrumenter(injector);
  // The instrumenter rejects `list[at]!++`. A blank in the place of `!` keeps all offsets.
  const content = text.replace(/!(?=\+\+|--)/g, ' ');
  const { mutants } = await instrumenter.instrument([{ name: path, mutate: true, content }], options);
  const starts = lineStarts(text);
  return mutants
    .filter(({ status }) => status !== 'Ignored')
    .map(({ location, mutatorName, replacement = '' }) => {
      const start = starts[location.start.line]! + location.start.column;
      const end = starts[location.end.line]! + location.end.column;
      const original = text.slice(start, end);
      return { path, kind: mutatorName, start, end, line: location.start.line + 1, original, replacement };
    })
    .filter(
      ({ kind, start }) => kind !== 'StringLiteral' || !textOnly.test(text.slice(Math.max(0, start - 60), start)),
    );
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

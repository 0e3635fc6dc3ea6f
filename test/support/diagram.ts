/**
 * Draws a machine from what it does: walks it with generated requests and events, and notes each edge that was taken,
 * with the reasons if it leads to a refusal.
 */
import { type AnyState, forAnyWalk, type Walkable } from './machines.ts';

/** Enough walks that a rare edge is in the drawing each time. */
const runs = 6000;

export interface Edge {
  readonly from: string;
  /** `undefined`: taken at the start, before any effect. */
  readonly event: string | undefined;
  readonly to: string;
  readonly reasons: ReadonlySet<string>;
}

/** The edges of a machine, in the order of its table. */
export function edgesOf(walkable: Walkable): readonly Edge[] {
  let edges = walked.get(walkable);
  if (edges === undefined) walked.set(walkable, (edges = walkOften(walkable)));
  return edges;
}

const walked = new Map<Walkable, readonly Edge[]>();

function walkOften(walkable: Walkable): readonly Edge[] {
  const edges = new Map<string, Edge & { readonly reasons: Set<string> }>();
  const note = (from: string, event: string | undefined, to: AnyState) => {
    const key = `${from} ${event} ${to.state}`;
    const edge = edges.get(key) ?? { from, event, to: to.state, reasons: new Set() };
    edges.set(key, edge);
    if (to.reason !== undefined) edge.reasons.add(to.reason);
  };
  forAnyWalk(
    walkable,
    ({ first, steps }) => {
      note('[*]', undefined, first);
      for (const { from, event, to } of steps) note(from.state, event.event, to);
    },
    runs,
    1,
  );
  const places = placesIn(walkable);
  const rank = ({ from, event, to }: Edge) =>
    `${from === '[*]' ? '' : String(places.indexOf(`${from} ${event}`)).padStart(4, '0')} ${to}`;
  return [...edges.values()].sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

/** Every cell of a machine's table, as `state event`. */
export function placesIn({ machine }: Walkable): readonly string[] {
  return Object.entries(machine.transitions).flatMap(([state, row]) =>
    Object.keys(row).map((event) => `${state} ${event}`),
  );
}

/** The page about a machine. */
export function page(walkable: Walkable): string {
  const edges = edgesOf(walkable);
  const { machine } = walkable;
  const finals = [...new Set(edges.map(({ to }) => to))].filter((state) => !Object.hasOwn(machine.transitions, state));
  const { startsWith } = machine;
  return [
    `# ${machine.name}`,
    '',
    '<!-- Drawn by `npm run docs` from the machine itself. -->',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...edges.map(({ from, event, to, reasons }) => {
      const label = [...(event === undefined ? [] : [event]), ...[...reasons].sort()].join('<br/>');
      return `  ${from} --> ${to}${label === '' ? '' : ` : ${label}`}`;
    }),
    ...finals.map((state) => `  ${state} --> [*]`),
    ...Object.keys(startsWith?.transitions ?? {}).map((state) => `  note left of ${state} : ${startsWith?.name}`),
    '```',
    '',
    ...(startsWith === undefined
      ? []
      : [`It starts with the machine [${startsWith.name}](${fileOf({ machine: startsWith })}).`, '']),
    ...(edges.some(({ reasons }) => reasons.size > 0)
      ? ['What the reasons mean, and what the two profiles call them on a wire: [errors](../errors.md).', '']
      : []),
  ].join('\n');
}

/** Its file in `docs/state-machines`. */
export const fileOf = ({ machine }: { readonly machine: { readonly name: string } }): string =>
  `${machine.name.replaceAll('_', '-')}.md`;

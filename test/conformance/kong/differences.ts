/** The intended differences from Kong, from docs/differences-from-kong.md. */

export interface Difference {
  /** `topic/case:step` */
  readonly place: string;
  readonly what: string;
  readonly why: string;
}

/** Rows of its tables: | `topic/case:1,2` | what | why |. An unreadable row is an error, so that no row is lost. */
export function readDifferences(page: string): readonly Difference[] {
  const differences: Difference[] = [];
  for (const [at, line] of page.split('\n').entries()) {
    if (!/^\|\s*`/.test(line)) continue;
    const [, place, what, why] = /^\| `([^`]+)` \| (.+?) \| (.+?) \|$/.exec(line) ?? [];
    const [, name, steps] = /^([a-z0-9-]+\/[a-z0-9-]+):(\d+(?:,\d+)*)$/.exec(place ?? '') ?? [];
    if (name === undefined || steps === undefined) {
      throw new Error(`docs/differences-from-kong.md:${at + 1}: a row is | \`topic/case:1,2\` | what | why |`);
    }
    for (const step of steps.split(',')) differences.push({ place: `${name}:${step}`, what: what!, why: why! });
  }
  const places = differences.map(({ place }) => place);
  const twice = places.find((place, at) => places.indexOf(place) !== at);
  if (twice !== undefined) throw new Error(`docs/differences-from-kong.md: ${twice} is listed twice`);
  return differences;
}

export interface Compared {
  readonly place: string;
  readonly equal: boolean;
}

/** The errors of a run: unintended differences, and intended ones that did not occur. */
export function errorsOf(
  compared: readonly Compared[],
  meant: readonly Difference[],
): { readonly unmeant: readonly string[]; readonly gone: readonly string[]; readonly unknown: readonly string[] } {
  const known = new Set(meant.map(({ place }) => place));
  const outcome = new Map(compared.map(({ place, equal }) => [place, equal]));
  return {
    unmeant: compared.filter(({ place, equal }) => !equal && !known.has(place)).map(({ place }) => place),
    gone: [...known].filter((place) => outcome.get(place) === true),
    unknown: [...known].filter((place) => !outcome.has(place)),
  };
}

/** Ordered sequences of ids, as the indexes of a store give them, combined without reading more than a page needs. */

/** The ids of an index from one on, itself included; all for `undefined`. */
export type IdsFrom = (from: string | undefined) => Iterable<string>;

/** The ids that are in any of the sequences, in order, each once. */
export function* idsInAny(sequences: readonly IdsFrom[], from: string | undefined): Generator<string, void> {
  const heads = sequences.map((sequence) => headOf(sequence(from)));
  try {
    for (;;) {
      const ids = heads.flatMap(({ id }) => (id === undefined ? [] : [id]));
      if (ids.length === 0) return;
      const least = ids.reduce((one, other) => (other < one ? other : one));
      yield least;
      for (const head of heads) if (head.id === least) head.next();
    }
  } finally {
    for (const head of heads) head.end();
  }
}

/** The ids that are in all of the sequences, in order. Each sequence is searched from where the others are. */
export function* idsInAll(sequences: readonly IdsFrom[], from: string | undefined): Generator<string, void> {
  let candidate = from;
  let agreeing = 0;
  for (let turn = 0; sequences.length > 0; turn++) {
    // The first id that comes after a found one is the next candidate.
    const isFound = agreeing === sequences.length;
    if (isFound) yield candidate!;
    const found = firstOf(sequences[turn % sequences.length]!, candidate, isFound);
    if (found === undefined) return;
    agreeing = found === candidate && !isFound ? agreeing + 1 : 1;
    candidate = found;
  }
}

function firstOf(sequence: IdsFrom, from: string | undefined, isExclusive: boolean): string | undefined {
  for (const id of sequence(from)) if (!isExclusive || id !== from) return id;
  return undefined;
}

function headOf(ids: Iterable<string>) {
  const iterator = ids[Symbol.iterator]();
  const head = {
    id: undefined as string | undefined,
    next() {
      const { done, value } = iterator.next();
      head.id = done === true ? undefined : value;
    },
    end: () => void iterator.return?.(),
  };
  head.next();
  return head;
}

/**
 * Ids in order, for pages. The ids are in chunks of bounded length, so that adding one, removing one and finding the
 * beginning of a page cost almost nothing among a million.
 */
export interface OrderedIds {
  add(id: string): void;
  delete(id: string): void;
  readonly size: number;
  /** The ids from this one on, itself included; all for `undefined`. */
  from(id: string | undefined): Iterable<string>;
}

const longestChunk = 512;

export function orderedIds(): OrderedIds {
  /** None of them is empty. */
  const chunks: string[][] = [];
  let size = 0;

  /** The chunk in which `id` is, or would be. */
  function chunkOf(id: string): number {
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (chunks[middle]!.at(-1)! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    add(id) {
      const at = chunkOf(id);
      const chunk = chunks[at];
      if (chunk === undefined) chunks.push([id]);
      else {
        const place = firstNotBefore(chunk, id);
        if (chunk[place] === id) return;
        chunk.splice(place, 0, id);
        if (chunk.length > longestChunk) chunks.splice(at + 1, 0, chunk.splice(longestChunk >> 1));
      }
      size++;
    },

    delete(id) {
      const at = chunkOf(id);
      const chunk = chunks[at];
      const place = chunk === undefined ? -1 : firstNotBefore(chunk, id);
      if (chunk?.[place] !== id) return;
      chunk.splice(place, 1);
      if (chunk.length === 0) chunks.splice(at, 1);
      size--;
    },

    get size() {
      return size;
    },

    *from(id) {
      const first = id === undefined ? 0 : chunkOf(id);
      for (let at = first; at < chunks.length; at++) {
        const chunk = chunks[at]!;
        const start = at === first && id !== undefined ? firstNotBefore(chunk, id) : 0;
        for (let place = start; place < chunk.length; place++) yield chunk[place]!;
      }
    },
  };
}

function firstNotBefore(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

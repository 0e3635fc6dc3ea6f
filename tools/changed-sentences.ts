/** Finds the sentences of comments, messages and pages, and pairs each changed sentence with its former wording. */

/** The sentences of a file, by its kind: code (comments and strings) or a page. */
export function sentencesIn(path: string, text: string): string[] {
  const passages = path.endsWith('.md') ? passagesOfPage(text) : passagesOfCode(text);
  return passages.flatMap(sentences).filter((sentence) => sentence.split(' ').length >= 4);
}

export interface ChangedSentence {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

interface Found {
  readonly path: string;
  readonly text: string;
  readonly words: ReadonlySet<string>;
}

/**
 * Pairs the sentences that exist only before with those that exist only after, most similar first. `formerPath` gives the
 * path that a file had before; a sentence may also have moved to another file.
 */
export function changedSentences(
  before: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, readonly string[]>,
  formerPath: (path: string) => string = (path) => path,
): ChangedSentence[] {
  const removed = onlyIn(before, after);
  const added = onlyIn(after, before);
  const candidates = added.flatMap((now) =>
    removed.flatMap((then) => {
      const similarity = overlap(now.words, then.words);
      const inSameFile = then.path === formerPath(now.path);
      return similarity >= (inSameFile ? 0.35 : 0.6) ? [{ now, then, rank: similarity + (inSameFile ? 1 : 0) }] : [];
    }),
  );
  const paired = new Set<Found>();
  const changed: ChangedSentence[] = [];
  for (const { now, then } of candidates.sort((one, other) => other.rank - one.rank)) {
    if (paired.has(now) || paired.has(then)) continue;
    paired.add(now).add(then);
    changed.push({ path: now.path, before: then.text, after: now.text });
  }
  return changed;
}

function onlyIn(
  these: ReadonlyMap<string, readonly string[]>,
  those: ReadonlyMap<string, readonly string[]>,
): readonly Found[] {
  const known = new Set([...those.values()].flat());
  const found = new Map<string, Found>();
  for (const [path, texts] of these) {
    for (const text of texts) if (!known.has(text)) found.set(text, { path, text, words: words(text) });
  }
  return [...found.values()];
}

/** Dice's coefficient: 1 for the same words, 0 for none in common. */
function overlap(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let common = 0;
  for (const word of one) if (other.has(word)) common++;
  return (2 * common) / (one.size + other.size);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/\p{L}+/gu) ?? []);
}

function sentences(passage: string): string[] {
  return passage
    .replace(/\s+/g, ' ')
    .trim()
    .split(/(?<=[.!?])\s+(?=[\p{Lu}`"'*[(])/u)
    .map((sentence) => sentence.trim());
}

/** Paragraphs, list items, headings and table cells. Code blocks are left out. */
function passagesOfPage(text: string): string[] {
  return text
    .replace(/^ *```[\s\S]*?^ *```$/gm, '\n\n')
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\n(?=#)|(?<!\\)\|/)
    .map((passage) => passage.replace(/^\s*(?:#+|[-*]|\d+\.)\s+/, ''));
}

/** Comments, each block or run of lines as one passage, and string literals. */
function passagesOfCode(text: string): string[] {
  const passages: string[] = [];
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => {
      // An empty line in a comment ends a passage.
      passages.push(
        ...comment
          .slice(2, -2)
          .replace(/^\s*\*+ ?/gm, '')
          .split(/\n\s*\n/),
      );
      return '';
    })
    .replace(/(?:^[ \t]*(?:\/\/|#(?!!)) .*\n?)+/gm, (comment) => {
      passages.push(comment.replace(/^[ \t]*(?:\/\/|#) /gm, ''));
      return '\n';
    });
  const literals = code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  passages.push(...[...literals].map(([, single, double, template]) => single ?? double ?? template ?? ''));
  return passages;
}

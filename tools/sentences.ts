/**
 * Draws sentences of comments, messages and pages that changed since a revision, and prints each before and after. The
 * same seed, revision and tree give the same sentences.
 *
 *     node tools/sentences.ts --seed N --count 30 --base REVISION
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changedSentences, sentencesIn } from './changed-sentences.ts';
import { projectRoot, withRevision } from './revision.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '30' },
    base: { type: 'string' },
  },
});
const { seed, count, base } = values;
if (base === undefined) {
  console.error('usage: node tools/sentences.ts --base REVISION [--seed N] [--count 30]');
  process.exit(2);
}

const changed = changedSentences(withRevision(base, sentencesOf), sentencesOf(projectRoot), formerPaths(base));
const drawn = changed
  .map((sentence) => ({ ...sentence, rank: createHash('sha256').update(`${seed}\0${sentence.after}`).digest('hex') }))
  .sort((one, other) => (one.rank < other.rank ? -1 : 1))
  .slice(0, Number(count));
console.log(`${changed.length} sentences changed since ${base}; ${drawn.length} drawn with seed ${seed}.`);
for (const [at, { path, before, after }] of drawn.entries()) {
  console.log(`\n${at + 1}. ${path}\n   before: ${before}\n   after:  ${after}`);
}

function sentencesOf(root: string): Map<string, string[]> {
  const paths = git(root, 'ls-files', '-z').split('\0');
  return new Map(
    paths
      .filter((path) => /\.(?:ts|js|md|sh)$|^\.ci\/run$/.test(path) && !path.includes('/golden'))
      .map((path) => [path, sentencesIn(path, readFileSync(join(root, path), 'utf8'))]),
  );
}

/** The path that a renamed file had in the revision. */
function formerPaths(revision: string): (path: string) => string {
  const lines = git(projectRoot, 'diff', '--name-status', '--diff-filter=R', '--find-renames=40%', revision).split(
    '\n',
  );
  const renames = new Map(lines.map((line) => line.split('\t').slice(1).reverse() as [string, string]));
  return (path) => renames.get(path) ?? path;
}

function git(root: string, ...words: string[]): string {
  return execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
}

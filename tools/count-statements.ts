/**
 * Counts the statements and declarations of `src` and `adapters` in the compiler's syntax tree, and the references to
 * RFCs in comments. Line breaks, names and comments do not change the first number.
 *
 *     npm run count -- [DIRECTORY] [--by room|file] [--base REVISION]
 *
 * `--base` also counts that revision, in a temporary worktree, and prints before, after and the difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isStatement, type Node } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';
import { projectRoot, withRevision } from './revision.ts';

const measures = ['statements', 'RFC references', 'lines'] as const;
type Figures = Readonly<Record<(typeof measures)[number], number>>;
const none: Figures = { statements: 0, 'RFC references': 0, lines: 0 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { by: { type: 'string' }, base: { type: 'string' } },
});
const after = figuresOf(resolve(positionals[0] ?? projectRoot));
const before = values.base === undefined ? undefined : withRevision(values.base, figuresOf);
for (const group of [...new Set([...(before?.keys() ?? []), ...after.keys()])].sort()) {
  console.log(`${group}: ${described(before && (before.get(group) ?? none), after.get(group) ?? none)}`);
}

function figuresOf(root: string): Map<string, Figures> {
  const api = new API({ cwd: root });
  try {
    const project = api.updateSnapshot({ openProject: join(root, 'tsconfig.json') }).getProjects()[0]!;
    const groups = new Map<string, Figures>();
    for (const top of ['src', 'adapters']) {
      for (const file of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.ts')) continue;
        const path = join(top, file);
        const tree = project.program.getSourceFile(join(root, path));
        if (tree === undefined) throw new Error(`${path} is not part of the project`);
        const text = readFileSync(join(root, path), 'utf8');
        const sum = groups.get(groupOf(path)) ?? none;
        groups.set(groupOf(path), {
          statements: sum.statements + statementsIn(tree),
          'RFC references': sum['RFC references'] + (text.match(/\(RFC \d+ §[^)]*\)/g)?.length ?? 0),
          lines: sum.lines + text.split('\n').length - 1,
        });
      }
    }
    return groups;
  } finally {
    api.close();
  }
}

function groupOf(path: string): string {
  if (values.by === 'file') return path;
  if (values.by === 'room') return path.split('/').slice(0, 2).join('/').replace(/\.ts$/, '');
  return 'src and adapters';
}

function statementsIn(node: Node): number {
  let count = isStatement(node) ? 1 : 0;
  node.forEachChild((child) => {
    count += statementsIn(child);
  });
  return count;
}

function described(before: Figures | undefined, after: Figures): string {
  return measures
    .map((measure) => {
      if (before === undefined) return `${after[measure]} ${measure}`;
      const difference = after[measure] - before[measure];
      return `${before[measure]} → ${after[measure]} ${measure} (${difference > 0 ? '+' : ''}${difference})`;
    })
    .join(', ');
}

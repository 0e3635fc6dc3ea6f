/**
 * Counts the statements and declarations of `src` and `adapters` in the compiler's own tree, and the comments that quote
 * an RFC. Line breaks, names and comments do not change the first figure.
 *
 *     node tools/count-statements.ts [DIRECTORY] [--by room|file]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isStatement, type Node } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { by: { type: 'string' } } });
const root = resolve(positionals[0] ?? join(import.meta.dirname, '..'));

interface Figures {
  statements: number;
  rfcQuotes: number;
  lines: number;
}

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
      const group = groupOf(path);
      const figures = groups.get(group) ?? { statements: 0, rfcQuotes: 0, lines: 0 };
      figures.statements += statementsIn(tree);
      figures.rfcQuotes += text.match(/\(RFC \d+ §[^)]*\)/g)?.length ?? 0;
      figures.lines += text.split('\n').length - 1;
      groups.set(group, figures);
    }
  }
  for (const [group, figures] of [...groups].sort(([one], [other]) => one.localeCompare(other))) print(group, figures);
} finally {
  api.close();
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

function print(group: string, { statements, rfcQuotes, lines }: Figures): void {
  console.log(`${group}: ${statements} statements, ${rfcQuotes} RFC references, ${lines} lines`);
}

/** Whether a changed file still compiles: what the compiler refuses never reaches a test, and is no mutant. */
import { join } from 'node:path';
import { API } from 'typescript/unstable/sync';

export interface Compiler {
  accepts(path: string, text: string): boolean;
  close(): void;
}

export function compiler(root: string): Compiler {
  const changed = new Map<string, string>();
  const api = new API({ cwd: root, fs: { readFile: (path) => changed.get(path) } });
  const config = join(root, 'tsconfig.json');
  api.updateSnapshot({ openProjects: [config] });
  return {
    accepts(path, text) {
      const file = join(root, path);
      changed.set(file, text);
      const snapshot = api.updateSnapshot({ fileChanges: { changed: [file] } });
      const { program } = snapshot.getProject(config)!;
      const problems = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
      changed.delete(file);
      api.updateSnapshot({ fileChanges: { changed: [file] } });
      return problems.length === 0;
    },
    close: () => api.close(),
  };
}

/** A checkout of another revision of this project, for as long as a tool needs it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..');

/** Calls `use` with a temporary worktree of the revision, and removes the worktree afterwards. */
export function withRevision<T>(revision: string, use: (directory: string) => T): T {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  const parent = mkdtempSync(join(tmpdir(), 'portcullis-revision-'));
  const directory = join(parent, 'tree');
  try {
    git('worktree', 'add', '--detach', directory, revision);
    symlinkSync(join(projectRoot, 'node_modules'), join(directory, 'node_modules'));
    return use(directory);
  } finally {
    rmSync(parent, { recursive: true, force: true });
    git('worktree', 'prune');
  }
}

/** Runs test files in processes of their own, and knows which of them execute which part of the code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface TestFile {
  readonly path: string;
  readonly milliseconds: number;
  /** By source file, from the root of the project: what the test file executed of it. */
  readonly executed: ReadonlyMap<string, readonly FunctionRanges[]>;
}

/** V8's block coverage of a function: the first range is the function, the others are blocks in it. */
type FunctionRanges = readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: FunctionRanges }[];
  }[];
}

export type TestResult = 'passed' | 'failed' | 'timeout';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) kill(child);
});

/** Runs the files in their order and stops at the first failure. */
export async function runTests(
  root: string,
  files: readonly string[],
  options: {
    readonly limit: number;
    readonly coverage?: string;
    readonly mutant?: { readonly path: string; readonly textFile: string };
  },
): Promise<TestResult> {
  const { limit, coverage, mutant } = options;
  const preload = pathToFileURL(join(import.meta.dirname, 'preload.ts')).href;
  const child = spawn(
    process.execPath,
    [
      join(root, 'node_modules/mocha/bin/mocha.js'),
      '--bail',
      '--reporter',
      'dot',
      '--no-config',
      '--timeout',
      '20000',
      ...files,
    ],
    {
      cwd: root,
      stdio: 'ignore',
      detached: true,
      env: {
        ...process.env,
        ...(coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage }),
        ...(mutant === undefined
          ? {}
          : {
              NODE_OPTIONS: `--import=${preload}`,
              MUTANT_URL: pathToFileURL(join(root, mutant.path)).href,
              MUTANT_TEXT: mutant.textFile,
            }),
      },
    },
  );
  running.add(child);
  const { promise, resolve } = Promise.withResolvers<TestResult>();
  const timer = setTimeout(() => {
    kill(child);
    resolve('timeout');
  }, limit);
  child.on('exit', (code) => {
    clearTimeout(timer);
    // Also what the tests have started and a failure has left behind.
    kill(child);
    running.delete(child);
    resolve(code === 0 ? 'passed' : 'failed');
  });
  return promise;
}

/** Runs one test file as it is, and notes what it executes. `undefined`: it does not pass by itself. */
export async function observe(root: string, path: string): Promise<TestFile | undefined> {
  const coverage = mkdtempSync(join(tmpdir(), 'portcullis-coverage-'));
  try {
    const startedAt = performance.now();
    if ((await runTests(root, [path], { limit: 300_000, coverage })) !== 'passed') return undefined;
    const milliseconds = performance.now() - startedAt;
    const executed = new Map<string, FunctionRanges[]>();
    for (const file of readdirSync(coverage)) {
      const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as Coverage;
      for (const { url, functions } of result) {
        if (!url.startsWith('file:')) continue;
        const source = relative(root, fileURLToPath(url));
        if (!/^(?:src|adapters)\//.test(source)) continue;
        const ranges = executed.get(source) ?? [];
        executed.set(source, ranges);
        ranges.push(...functions.filter(({ ranges: [whole] }) => whole!.count > 0).map((each) => each.ranges));
      }
    }
    return { path, milliseconds, executed };
  } finally {
    rmSync(coverage, { recursive: true, force: true });
  }
}

/** Whether the test file executes the code at this offset. */
export function executes({ executed }: TestFile, path: string, offset: number): boolean {
  let innermost: { readonly size: number; readonly count: number } | undefined;
  for (const ranges of executed.get(path) ?? []) {
    let size = Number.POSITIVE_INFINITY;
    let count = 0;
    for (const range of ranges) {
      const length = range.endOffset - range.startOffset;
      if (range.startOffset > offset || offset >= range.endOffset || length > size) continue;
      size = length;
      count = range.count;
    }
    if (size === Number.POSITIVE_INFINITY) continue;
    // Several processes of one test file may have run the same function; one that executed it is enough.
    if (innermost === undefined || size < innermost.size || (size === innermost.size && count > 0)) {
      innermost = { size, count };
    }
  }
  return innermost !== undefined && innermost.count > 0;
}

function kill(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Its group has ended.
  }
}

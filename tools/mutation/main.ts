/**
 * Changes the code in one small place at a time and looks whether a test fails. What is changed is a sample, drawn by a
 * seed: 400 mutants of the OAuth core and 400 of everything else, out of those that compile.
 *
 *     npm run mutation [-- --seed COMMIT --sample 400 --jobs 2 --minutes 55 --only PATH[:LINE] --bound 98,92]
 *
 * `equivalent.json` lists mutants that no test can notice, each with its reason; they count as neither caught nor missed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compiler } from './compiles.ts';
import { type Mutant, mutantsOf } from './mutants.ts';
import { executes, observe, runTests, type TestFile } from './tests.ts';

const root = join(import.meta.dirname, '..', '..');
const head = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: head },
    sample: { type: 'string', default: '400' },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '55' },
    only: { type: 'string', multiple: true },
    bound: { type: 'string', default: '98,92' },
  },
});
const endsAt = Date.now() + Number(values.minutes) * 60_000;
const bounds = values.bound.split(',').map(Number);

/** Tests of whole suites that run for long, need foreign programs or measure time: no mutant is left to them. */
const notUsed =
  /^test\/(?:packaging|mongodb|conformance|outside\/races|store-lmdb\/(?:kill|full-disk)|words|architecture)/;

const coreRooms = /^src\/(?:grants|access|authorization|oauth|wire|driver|ports|records)\//;
const groups = [
  { name: 'OAuth core', holds: (path: string) => coreRooms.test(path), bound: bounds[0]! },
  { name: 'everything else', holds: (path: string) => !coreRooms.test(path), bound: bounds[1]! },
];

interface Equivalent {
  readonly path: string;
  /** The changed line without its indent. */
  readonly line: string;
  readonly replacement: string;
  readonly reason: string;
}

interface Judged {
  readonly mutant: Mutant;
  readonly by: 'test' | 'timeout' | 'nothing' | 'not executed';
}

const equivalents = JSON.parse(readFileSync(join(import.meta.dirname, 'equivalent.json'), 'utf8')) as Equivalent[];
const work = mkdtempSync(join(tmpdir(), 'portcullis-mutation-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
process.exitCode = await main();

async function main(): Promise<number> {
  const sources = filesIn(['src', 'adapters'], /\.ts$/);
  const texts = new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  console.log(`seed ${values.seed}`);
  const samples = await draw(texts);
  const tests = await observed();
  let failed = false;
  for (const { name, bound, mutants } of samples) {
    const judged = await each(mutants, (mutant) => judge(mutant, texts.get(mutant.path)!, tests));
    const missed = judged.filter(({ by }) => by === 'nothing' || by === 'not executed');
    const excused = missed.filter(({ mutant }) => isEquivalent(mutant, texts.get(mutant.path)!));
    const counted = judged.length - excused.length;
    const score = counted === 0 ? 100 : (100 * (judged.length - missed.length)) / counted;
    const unjudged = mutants.length - judged.length;
    console.log(
      `\n${name}: ${judged.length - missed.length} of ${counted} caught, ${score.toFixed(1)} % (bound ${bound} %)`,
    );
    console.log(
      `  ${excused.length} equivalent${unjudged === 0 ? '' : `, ${unjudged} not judged within ${values.minutes} minutes`}`,
    );
    for (const one of missed) if (!excused.includes(one)) console.log(shown(one));
    failed ||= values.only === undefined && (score < bound || unjudged > 0 || excused.length > 0.02 * mutants.length);
  }
  return failed ? 1 : 0;
}

/** For each group its sample, in the order of a hash of seed and mutant, as far as it compiles. */
async function draw(texts: ReadonlyMap<string, string>) {
  const all: Mutant[] = [];
  for (const [path, text] of texts) if (isWanted(path)) all.push(...(await mutantsOf(path, text)));
  const wanted = all.filter(({ path, line }) => isWanted(path, line));
  const check = compiler(root);
  try {
    return groups.map((group) => {
      const ranked = wanted
        .filter(({ path }) => group.holds(path))
        .map((mutant) => ({ mutant, rank: rankOf(mutant) }))
        .sort((one, other) => (one.rank < other.rank ? -1 : 1));
      const mutants: Mutant[] = [];
      for (const { mutant } of ranked) {
        if (values.only === undefined && mutants.length >= Number(values.sample)) break;
        if (check.accepts(mutant.path, changed(mutant, texts.get(mutant.path)!))) mutants.push(mutant);
      }
      console.log(`${group.name}: ${mutants.length} mutants out of ${ranked.length}`);
      return { ...group, mutants };
    });
  } finally {
    check.close();
  }
}

function isWanted(path: string, line?: number): boolean {
  return (
    values.only === undefined ||
    values.only.some((only) => {
      const [prefix, wantedLine] = only.split(':');
      return (
        path.startsWith(prefix!) && (line === undefined || wantedLine === undefined || Number(wantedLine) === line)
      );
    })
  );
}

function rankOf({ path, start, end, kind, replacement }: Mutant): string {
  return createHash('sha256')
    .update(JSON.stringify([values.seed, path, start, end, kind, replacement]))
    .digest('hex');
}

/** Every test file, run once as it is. What they execute is kept for the commit, so that a second run starts at once. */
async function observed(): Promise<readonly TestFile[]> {
  const paths = filesIn(['test'], /\.test\.ts$/).filter((path) => !notUsed.test(path));
  const cache = join(root, '.state', 'mutation', `${head}-${isDirty() ? Date.now() : 'clean'}.json`);
  const kept = read(cache);
  if (kept !== undefined) return kept;
  const startedAt = Date.now();
  const found = await each(paths, (path) => observe(root, path));
  const passing = found.filter((test) => test !== undefined);
  console.log(`${passing.length} of ${paths.length} test files, ${Math.round((Date.now() - startedAt) / 1000)} s`);
  for (const path of paths) if (!passing.some((test) => test.path === path)) console.log(`  fails by itself: ${path}`);
  mkdirSync(join(root, '.state', 'mutation'), { recursive: true });
  writeFileSync(cache, JSON.stringify(passing.map((test) => ({ ...test, executed: [...test.executed] }))));
  return passing;
}

function read(cache: string): readonly TestFile[] | undefined {
  try {
    const tests = JSON.parse(readFileSync(cache, 'utf8')) as (Omit<TestFile, 'executed'> & { executed: [] })[];
    return tests.map((test) => ({ ...test, executed: new Map(test.executed) }));
  } catch {
    return undefined;
  }
}

async function judge(mutant: Mutant, text: string, tests: readonly TestFile[]): Promise<Judged> {
  const able = tests
    .filter((test) => executes(test, mutant.path, mutant.start))
    .sort((one, other) => costOf(one, mutant) - costOf(other, mutant));
  if (able.length === 0) return { mutant, by: 'not executed' };
  const textFile = join(work, `${rankOf(mutant)}.ts`);
  writeFileSync(textFile, changed(mutant, text));
  // Few and quick ones first: most mutants are caught by them.
  for (const [from, to] of [
    [0, 6],
    [6, 24],
    [24, able.length],
  ] as const) {
    const files = able.slice(from, to);
    if (files.length === 0) break;
    const usual = files.reduce((total, { milliseconds }) => total + milliseconds, 0);
    const result = await runTests(
      root,
      files.map(({ path }) => path),
      {
        // A loop without an end is noticed, a machine that is busy is not taken for one.
        limit: 30_000 + 5 * usual,
        mutant: { path: mutant.path, textFile },
      },
    );
    if (result !== 'passed') return { mutant, by: result === 'failed' ? 'test' : 'timeout' };
  }
  return { mutant, by: 'nothing' };
}

/** Tests of the mutant's own room come first. */
function costOf({ path, milliseconds }: TestFile, mutant: Mutant): number {
  const [, room] = mutant.path.split('/');
  return path.split('/')[1] === room ? milliseconds / 20 : milliseconds;
}

function changed({ start, end, replacement }: Mutant, text: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function isEquivalent({ path, line, replacement }: Mutant, text: string): boolean {
  const whole = text.split('\n')[line - 1]!.trim();
  return equivalents.some((one) => one.path === path && one.line === whole && one.replacement === replacement);
}

function shown({ mutant, by }: Judged): string {
  const short = (code: string) => code.replace(/\s+/g, ' ').slice(0, 90);
  const { path, line, kind, original, replacement } = mutant;
  return `  ${path}:${line} ${kind}: ${short(original)} -> ${short(replacement)}${by === 'not executed' ? ' (no test executes it)' : ''}`;
}

/** Several at a time, until the time is over; in the order of `items`. */
async function each<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && Date.now() < endsAt) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  return results;
}

function filesIn(folders: readonly string[], pattern: RegExp): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => pattern.test(file))
      .map((file) => join(folder, file))
      .sort(),
  );
}

function isDirty(): boolean {
  return execFileSync('git', ['status', '--porcelain', '--', 'src', 'adapters', 'test'], { cwd: root }).length > 0;
}

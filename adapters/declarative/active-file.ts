/** The configuration file of the settings: read at the start, and again on SIGHUP and `portcullis reload`. */
import { readFile } from 'node:fs/promises';
import type { Loaded } from '../../src/declarative/loaded.ts';
import type { DeclarativeConfiguration, LoadOptions, Progress } from './declarative-configuration.ts';
import { problemLines } from './problem-lines.ts';

export interface ActiveFile {
  activeDigest(): string | undefined;
  load(text: string, how?: LoadOptions): Promise<Loaded>;
  /** Reloads that are requested while one runs are joined into one. `undefined`: the settings name no file. */
  reload(): Promise<Loaded | undefined>;
  print(): Promise<string>;
}

export interface FileLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Its message has one line for each problem: file, line, field and reason. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
}

const sizeLimit = 64 * 1024 * 1024;
/** In milliseconds. */
const progressInterval = 3_000;

/** Rejects with `UnusableFile` if the file cannot be loaded: a gate does not start with half of its configuration. */
export async function openFile(
  declarative: DeclarativeConfiguration,
  path: string | undefined,
  { takesOver, log, now }: { readonly takesOver: boolean; readonly log: FileLog; readonly now: () => number },
): Promise<ActiveFile> {
  /** The reload that waits for the current one: it reads the file when it starts, so one is enough for all who ask. */
  let waiting: Promise<Loaded | undefined> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  if (path === undefined) {
    if (declarative.activeDigest() !== undefined) await declarative.handOver();
  } else {
    const loaded = await loadFile(path, { takesOver });
    if (loaded.outcome === 'refused') throw new UnusableFile(problemLines(loaded.problems, path).join('\n'));
    logLoaded(loaded, path);
  }

  async function loadFile(file: string, how: LoadOptions): Promise<Loaded> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
      return { outcome: 'refused', problems: [{ place: [], message: `${why}; the setting config names it` }] };
    }
    if (text.length > sizeLimit) {
      return { outcome: 'refused', problems: [{ place: [], message: `larger than ${sizeLimit} characters` }] };
    }
    return declarative.load(text, { ...how, progress: logProgress(file) });
  }

  /** A line every few seconds, so that a long load is not taken for one that stopped. */
  function logProgress(file: string): (progress: Progress) => void {
    let next = now() + progressInterval;
    return ({ act, done, of }) => {
      if (now() < next) return;
      next = now() + progressInterval;
      log.info({ file, done, of }, `loading the configuration file: ${done} of ${of} rows ${act}`);
    };
  }

  async function reload(file: string): Promise<Loaded> {
    const loaded = await loadFile(file, { takesOver: true });
    logLoaded(loaded, file);
    return loaded;
  }

  function logLoaded(loaded: Loaded, from: string): void {
    if (loaded.outcome === 'refused') {
      log.error(
        { problems: problemLines(loaded.problems, from) },
        'the configuration file cannot be loaded; the configuration is unchanged',
      );
    } else if (loaded.outcome === 'loaded') {
      const { added, changed, removed, skipped, warnings } = loaded;
      log.info({ file: from, added, changed, removed }, 'the configuration file is active');
      if (skipped.length > 0)
        log.warn({ plugins: skipped }, 'plugins of the configuration file were skipped, as configured');
      if (warnings.length > 0) {
        log.warn({ warnings: problemLines(warnings, from) }, 'parts of the configuration file have no effect');
      }
    }
  }

  return {
    activeDigest: declarative.activeDigest,
    print: declarative.print,
    async load(text, how) {
      const loaded = await declarative.load(text, how);
      logLoaded(loaded, 'the Admin API');
      return loaded;
    },
    reload() {
      if (path === undefined) return Promise.resolve(undefined);
      if (waiting === undefined) {
        waiting = last.then(() => {
          waiting = undefined;
          return reload(path);
        });
        last = waiting.catch(() => undefined);
      }
      return waiting;
    },
  };
}

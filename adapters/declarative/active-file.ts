/** The configuration file of the settings: read at the start, and again on SIGHUP and `portcullis reload`. */
import { readFile } from 'node:fs/promises';
import type { Loaded } from '../../src/declarative/loaded.ts';
import type { DeclarativeConfiguration, LoadOptions } from './declarative-configuration.ts';
import { problemLines } from './problem-lines.ts';

export interface ActiveFile {
  activeDigest(): string | undefined;
  load(text: string, how?: LoadOptions): Promise<Loaded>;
  /** `undefined`: the settings name no file. */
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

/** Rejects with `UnusableFile` if the file cannot be loaded: a gate does not start with half of its configuration. */
export async function openFile(
  declarative: DeclarativeConfiguration,
  path: string | undefined,
  { takesOver, log }: { readonly takesOver: boolean; readonly log: FileLog },
): Promise<ActiveFile> {
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
    return declarative.load(text, how);
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
    async reload() {
      if (path === undefined) return undefined;
      const loaded = await loadFile(path, { takesOver: true });
      logLoaded(loaded, path);
      return loaded;
    },
  };
}

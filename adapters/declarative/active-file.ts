/** The file of the settings: read at the start, and again whenever somebody asks (SIGHUP, `portcullis reload`). */
import { readFile } from 'node:fs/promises';
import type { DeclarativeConfiguration, Loaded, LoadOptions } from './declarative-configuration.ts';
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

/** Says what is wrong, a line each, by file, line and field. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
}

const sizeLimit = 64 * 1024 * 1024;

/** Rejects with `UnusableFile` if the file cannot be loaded: a gate does not start with half of what it should guard. */
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
    tell(loaded, path);
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

  function tell(loaded: Loaded, from: string): void {
    if (loaded.outcome === 'refused') {
      log.error({ problems: problemLines(loaded.problems, from) }, 'the configuration stays as it was');
    } else if (loaded.outcome === 'loaded') {
      const { added, changed, removed, skipped } = loaded;
      log.info({ file: from, added, changed, removed }, 'the configuration file is in force');
      if (skipped.length > 0) log.warn({ plugins: skipped }, 'left out of the configuration, as asked');
    }
  }

  return {
    activeDigest: declarative.activeDigest,
    print: declarative.print,
    async load(text, how) {
      const loaded = await declarative.load(text, how);
      tell(loaded, 'the Admin API');
      return loaded;
    },
    async reload() {
      if (path === undefined) return undefined;
      const loaded = await loadFile(path, { takesOver: true });
      tell(loaded, path);
      return loaded;
    },
  };
}

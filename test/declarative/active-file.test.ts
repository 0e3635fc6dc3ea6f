import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openFile } from '../../adapters/declarative/active-file.ts';
import type { LoadOptions } from '../../adapters/declarative/declarative-configuration.ts';
import type { Loaded } from '../../src/declarative/loaded.ts';

const loaded: Loaded = { outcome: 'loaded', rows: [], added: 0, changed: 0, removed: 0, skipped: [], warnings: [] };

describe('The active configuration file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-file-'));
  const path = join(directory, 'kong.yml');
  after(() => rmSync(directory, { recursive: true }));

  function world() {
    const texts: string[] = [];
    const lines: string[] = [];
    let time = 0;
    let load: (how?: LoadOptions) => Promise<Loaded> = async () => loaded;
    const log = (_: object, message: string) => void lines.push(message);
    const open = () =>
      openFile(
        {
          activeDigest: () => undefined,
          load(text, how) {
            texts.push(text);
            return load(how);
          },
          print: async () => '',
          handOver: async () => {},
        },
        path,
        { takesOver: false, log: { info: log, warn: log, error: log }, now: () => time },
      );
    return {
      ...{ texts, lines, open },
      loadsBy: (next: typeof load) => {
        load = next;
      },
      wait: (milliseconds: number) => {
        time += milliseconds;
      },
    };
  }

  it('is read once more for all reloads that are requested while one runs, as it is then', async () => {
    const { texts, open, loadsBy } = world();
    writeFileSync(path, 'first');
    const file = await open();
    const { promise, resolve } = Promise.withResolvers<Loaded>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    loadsBy(() => {
      start();
      return promise;
    });
    writeFileSync(path, 'second');
    const running = file.reload();
    await started;
    writeFileSync(path, 'third');
    const joined = Array.from({ length: 100 }, () => file.reload());
    writeFileSync(path, 'fourth');
    resolve(loaded);
    await Promise.all([running, ...joined]);
    expect(texts).to.deep.equal(['first', 'second', 'fourth']);
    await file.reload();
    expect(texts).to.have.length(4);
  });

  it('is reloaded again after a reload that failed', async () => {
    const { texts, open, loadsBy } = world();
    writeFileSync(path, 'first');
    const file = await open();
    loadsBy(() => Promise.reject(new Error('the store is down')));
    const failed = await file.reload().then(
      () => false,
      () => true,
    );
    expect(failed).to.equal(true);
    loadsBy(async () => loaded);
    expect(await file.reload()).to.equal(loaded);
    expect(texts).to.have.length(3);
  });

  it('reports in the log how far its load is, at most every three seconds', async () => {
    const { lines, open, loadsBy, wait } = world();
    writeFileSync(path, 'first');
    loadsBy(async (how) => {
      for (let done = 1; done <= 10; done++) {
        wait(1_000);
        how!.progress!({ act: 'written', done, of: 10 });
      }
      return loaded;
    });
    await open();
    expect(lines.filter((line) => line.startsWith('loading'))).to.deep.equal([
      'loading the configuration file: 3 of 10 rows written',
      'loading the configuration file: 6 of 10 rows written',
      'loading the configuration file: 9 of 10 rows written',
    ]);
  });
});

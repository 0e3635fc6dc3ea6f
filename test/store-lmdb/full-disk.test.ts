import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { noon } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore } from './directory.ts';
import { consumers } from './writer.ts';

const clock = { now: () => noon };

describe('An lmdb store that runs out of room', () => {
  after(cleanUp);

  it('RV-09, RV-11: acknowledges only completed writes, keeps those, and does not crash the process', async () => {
    const directory = newDirectory();
    // The shell limits the size of files, as a full disk would.
    const limited = `trap '' XFSZ; ulimit -f 800; exec "$0" "$@"`;
    const writer = spawn(
      'sh',
      ['-c', limited, process.execPath, new URL('filler.ts', import.meta.url).pathname, directory],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [output, [code]] = await Promise.all([text(writer.stdout), once(writer, 'close')]);
    expect(code).to.equal(0);
    const outcomes = JSON.parse(output) as string[];
    expect(new Set(outcomes)).to.deep.equal(new Set(['written', 'Unavailable']));
    expect(outcomes.lastIndexOf('written')).to.be.below(outcomes.indexOf('Unavailable'));
    const { entityStore } = openTestStore(directory, clock);
    const found = outcomes.map((_, n) =>
      entityStore.get(consumers, `row-${n}`) === undefined ? 'Unavailable' : 'written',
    );
    expect(found).to.deep.equal(outcomes);
    expect(await entityStore.insert(consumers, { id: 'with-room-again' })).to.deep.equal({ outcome: 'written' });
  });
});

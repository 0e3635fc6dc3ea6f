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

  it('RV-09, RV-11: reports no write that was not made, keeps those that were, and does not end the process', async () => {
    const directory = newDirectory();
    // The shell bounds the size of files, as a full disk would.
    const limited = `trap '' XFSZ; ulimit -f 800; exec "$0" "$@"`;
    const writer = spawn(
      'sh',
      ['-c', limited, process.execPath, new URL('filler.ts', import.meta.url).pathname, directory],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [answers, [code]] = await Promise.all([text(writer.stdout), once(writer, 'close')]);
    expect(code).to.equal(0);
    const told = JSON.parse(answers) as string[];
    expect(new Set(told)).to.deep.equal(new Set(['written', 'Unavailable']));
    expect(told.lastIndexOf('written')).to.be.below(told.indexOf('Unavailable'));
    const { entityStore } = openTestStore(directory, clock);
    const found = told.map((_, n) =>
      entityStore.get(consumers, `row-${n}`) === undefined ? 'Unavailable' : 'written',
    );
    expect(found).to.deep.equal(told);
    expect(await entityStore.insert(consumers, { id: 'with-room-again' })).to.deep.equal({ outcome: 'written' });
  });
});

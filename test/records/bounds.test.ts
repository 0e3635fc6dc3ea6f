import { expect } from 'chai';
import { type Filled, flood } from './flood.ts';

const long = process.env['PORTCULLIS_FLOOD'];
const count = Number(long ?? 20_000);
const limit = long === undefined ? 1_000 : 100_000;

describe('Tables that any caller can fill', () => {
  it(`keep to their limits after ${count} different tokens, client ids and addresses`, async function () {
    this.timeout(long === undefined ? 60_000 : 1_200_000);
    const all: Filled[] = [];
    await flood(count, limit, (filled) => {
      all.push(filled);
      if (long === undefined) return;
      const megabytes = Math.round(process.memoryUsage.rss() / 1_048_576);
      process.stdout.write(`  ${filled.table}: ${filled.entries} entries, RSS ${megabytes} MB\n`);
    });
    expect(all).to.have.length(8);
    expect(all.filter(({ entries, limit }) => entries > limit)).to.deep.equal([]);
    expect(
      all.filter(({ entries, limit }) => limit > 0 && entries < limit / 2),
      'nothing was filled',
    ).to.deep.equal([]);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { gateRefusals } from '../../src/gateway/refusal-codes.ts';
import { refusals } from '../../src/oauth/refusals.ts';

const root = join(import.meta.dirname, '../..');
const sources = ['src', 'adapters']
  .flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((file) => join(room, file)),
  )
  .filter((file) => file.endsWith('.ts') && !file.endsWith('refusal-codes.ts') && !file.endsWith('oauth/refusals.ts'))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');

describe('The codes of refusals', () => {
  // The compiler rejects other codes: `Exchange.refusal` has this type.
  for (const code of Object.keys(gateRefusals)) {
    it(`${code}: is used`, () => {
      const derived =
        /^upstream_(closed|malformed|unreachable|unresolved)$/.test(code) &&
        sources.includes('`upstream_$' + '{kind}`');
      expect(derived || sources.includes(`'${code}'`), code).to.equal(true);
    });
  }

  it('name each thing once', () => {
    expect(Object.keys(gateRefusals).filter((code) => Object.hasOwn(refusals, code))).to.deep.equal([]);
  });
});

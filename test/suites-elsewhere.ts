/** Prints after `npm test` which suites it does not include: the scripts `test:…` without `.test.ts` files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const elsewhere = Object.entries(scripts)
  .filter(([name, command]) => name.startsWith('test:') && !/\*\.test\.ts\b/.test(command))
  .map(([name]) => `npm run ${name}`);
console.log(`npm test does not include: ${elsewhere.join(', ') || 'nothing, it runs every suite'}.`);

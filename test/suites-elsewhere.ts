/** Says after `npm test` which suites it does not hold: those scripts `test:…` whose files are no `.test.ts`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const elsewhere = Object.entries(scripts)
  .filter(([name, command]) => name.startsWith('test:') && !/\*\.test\.ts\b/.test(command))
  .map(([name]) => `npm run ${name}`);
console.log(`npm test does not hold: ${elsewhere.join(', ') || 'nothing, it holds every suite'}.`);

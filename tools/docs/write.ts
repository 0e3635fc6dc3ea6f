/** Part of `npm run docs`: writes the reference pages. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePages } from './reference-pages.ts';

for (const [file, text] of await referencePages()) {
  writeFileSync(join(import.meta.dirname, '..', '..', 'docs', file), text);
}

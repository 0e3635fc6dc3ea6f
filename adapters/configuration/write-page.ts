/** `npm run docs`: stores the pages that are made from the code. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationPage } from './page.ts';

writeFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), configurationPage());

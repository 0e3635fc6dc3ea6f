/** Part of `npm run docs`: writes docs/state-machines. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileOf, page } from './diagram.ts';
import { machines } from './machines.ts';

const folder = join(import.meta.dirname, '../../docs/state-machines');
for (const machine of machines) writeFileSync(join(folder, fileOf(machine)), page(machine));

/** Loaded before everything else in each process of a test run: puts the changed text in the place of one source file. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const { MUTANT_URL: mutated, MUTANT_TEXT: text } = process.env;
if (mutated !== undefined && text !== undefined) {
  registerHooks({
    load(url, context, nextLoad) {
      if (url !== mutated) return nextLoad(url, context);
      return { format: 'module-typescript', source: readFileSync(text, 'utf8'), shortCircuit: true };
    },
  });
}

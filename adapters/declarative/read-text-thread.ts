/** The thread of `readTextAside`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readText } from './read-text.ts';
import { partsOf } from './text-parts.ts';

const { text, withLines } = workerData as { readonly text: string; readonly withLines: boolean };
for (const part of partsOf(readText(text, withLines))) parentPort?.postMessage(part);

/** The thread of `readTextAside`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readInPieces } from './read-in-pieces.ts';
import { readText } from './read-text.ts';
import { partsOf } from './text-parts.ts';

const { text, withLines } = workerData as { readonly text: string; readonly withLines: boolean };
const value = withLines ? undefined : readInPieces(text);
for (const part of partsOf(value === undefined ? readText(text, withLines) : { value })) parentPort?.postMessage(part);

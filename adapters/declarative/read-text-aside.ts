/** Reads long texts in another thread, so that they do not delay requests. */
import { Worker } from 'node:worker_threads';
import { readText, type TextRead } from './read-text.ts';
import { collectParts, type TextPart } from './text-parts.ts';

/** Reading fewer characters than this takes less time than starting a thread. */
const longText = 64 * 1024;

export async function readTextAside(text: string, withLines: boolean): Promise<TextRead> {
  if (text.length < longText) return readText(text, withLines);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const thread = new URL(`./read-text-thread.${extension}`, import.meta.url);
  const worker = new Worker(thread, { workerData: { text, withLines } });
  try {
    return await new Promise<TextRead>((resolve, reject) => {
      const collect = collectParts();
      worker.on('message', (part: TextPart) => {
        const whole = collect(part);
        if (whole !== undefined) resolve(whole);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that reads the configuration ended')));
    });
  } finally {
    await worker.terminate();
  }
}

/** Reads long texts in another thread, so that they do not delay requests. */
import { Worker } from 'node:worker_threads';
import { readText, type TextRead } from './read-text.ts';

/** Reading fewer characters than this takes less time than starting a thread. */
const longText = 64 * 1024;

export async function readTextAside(text: string): Promise<TextRead> {
  if (text.length < longText) return readText(text);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./read-text-thread.${extension}`, import.meta.url), { workerData: text });
  try {
    return await new Promise<TextRead>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that reads the configuration ended')));
    });
  } finally {
    await worker.terminate();
  }
}

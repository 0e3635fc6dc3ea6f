/** Takes the lock of the directory in its arguments, reports the outcome, and holds it until its parent lets go. */
import { lockStore } from '../../adapters/store-lmdb/lock.ts';

const report = (text: string): void => {
  if (process.send === undefined) process.stdout.write(`${text}\n`);
  else process.send(text);
};
const lock = await lockStore(process.argv[2]!).catch((error: Error) => {
  report(error.message);
  return undefined;
});
if (lock !== undefined) {
  report('locked');
  const release = (): void => void lock.release().then(() => process.exit(0));
  if (process.send === undefined) process.stdin.resume().on('end', release);
  else process.once('disconnect', release);
} else process.disconnect?.();

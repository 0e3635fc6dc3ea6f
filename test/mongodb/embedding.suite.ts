/** The program of docs/library.md with `portcullis/mongodb`, and two programs on one database. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { mongodbStore } from '../../adapters/durable/mongodb.ts';
import { createGate } from '../../adapters/library/portcullis.ts';
import { testClient } from '../../adapters/testing/testing.ts';
import { newDatabase, testKey } from './database.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

describe('portcullis/mongodb', () => {
  it('the program of docs/library.md runs, and prints what it says', async () => {
    const page = readFileSync(join(root, 'docs', 'library.md'), 'utf8');
    const code = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
      .map(([, example = '']) => example)
      .find((example) => example.includes("from 'portcullis/mongodb'"))!;
    mkdirSync(join(root, '.state'), { recursive: true });
    const folder = mkdtempSync(join(root, '.state', 'mongodb-example-'));
    try {
      writeFileSync(join(folder, 'example.ts'), code);
      const { stdout } = await run(process.execPath, ['--conditions=portcullis-source', join(folder, 'example.ts')], {
        env: { PATH: process.env['PATH'], MONGODB_URL: await newDatabase() },
        timeout: 60_000,
      });
      const promised = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, line]) => line);
      expect(promised).not.to.be.empty;
      expect(stdout.trimEnd().split('\n')).to.deep.equal(promised);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('a token that one process revokes is denied by the other when the revocation is confirmed or read', async () => {
    const url = await newDatabase();
    const open = () => mongodbStore({ url, key: testKey });
    const [one, other] = [await open(), await open()];
    const [issuer, checker] = [one, other].map((store) => createGate({ store, clients: [testClient] })) as [
      ReturnType<typeof createGate>,
      ReturnType<typeof createGate>,
    ];
    const issued = await issuer.exchange({
      grant_type: 'client_credentials',
      client_id: testClient.clientId,
      client_secret: testClient.clientSecret,
    });
    if (issued.state === 'refused') throw new Error(issued.description);
    expect(await checker.check(issued.accessToken)).to.include({ state: 'admitted' });
    const received = new Promise<void>((resolve) => other.announcements.subscribe(() => resolve()));
    await issuer.revoke(issued.accessToken);
    await received;
    expect(await checker.check(issued.accessToken)).to.include({ state: 'denied' });
    await Promise.all([one.close(), other.close()]);
  });
});

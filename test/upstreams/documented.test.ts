import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type Instance, instance } from './instance.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/upstreams.md'), 'utf8');

describe('docs/upstreams.md', () => {
  let directory: string;
  let gate: TestGate | undefined;
  let one: Instance;
  let other: Instance;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
    [one, other] = (await Promise.all(['one', 'other'].map(instance))) as [Instance, Instance];
    const [, yaml] = /```yaml\n(.*?)```/s.exec(page)!;
    const file = join(directory, 'gate.yaml');
    writeFileSync(file, here(yaml!));
    gate = await openTestGate({ PORTCULLIS_STORE: 'memory:', PORTCULLIS_CONFIG: file });
  });
  after(async () => {
    await gate?.close();
    await Promise.all([one.stop(), other.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  const here = (text: string) => text.replaceAll('10.0.0.1:8080', one.target).replaceAll('10.0.0.2:8080', other.target);
  async function bodies(times: number): Promise<string[]> {
    const all: string[] = [];
    for (let i = 0; i < times; i++) all.push((await gate!.get('/orders')).body);
    return all.sort();
  }

  it('shows a file that loads, and balances by its weights', async () => {
    expect(await bodies(6)).to.deep.equal(['one', 'one', 'one', 'one', 'other', 'other']);
  });

  it('shows calls of the Admin API that do what the page says', async () => {
    const lines = [...page.matchAll(/^curl (?:-X (\w+) )?"?localhost:8001([^\s"]+)"? +#/gm)];
    expect(lines).to.have.length(3);
    const responses = [];
    for (const [, method = 'GET', path] of lines) responses.push(await gate!.setUp(method, here(path!)));
    expect(responses[0].data.map(({ health }: { health: string }) => health)).to.deep.equal(['HEALTHY', 'HEALTHY']);
    expect(responses[1].data).to.include({ health: 'HEALTHY' });
    expect(await bodies(3)).to.deep.equal(['one', 'one', 'one']);
  });
});

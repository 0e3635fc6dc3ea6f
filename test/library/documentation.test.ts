/** Every TypeScript example in README.md and docs/ is compiled, run to its end, and prints what its comments say. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((page) => join('docs', page)),
];

const examples = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(/^```(?:ts|typescript)\n([\s\S]*?)^```$/gm)].map(({ 1: code = '', index }) => ({
      code,
      place: `${page}:${text.slice(0, index).split('\n').length}`,
    }));
  })
  // `npm run test:package` installs web frameworks, and runs these.
  .filter(({ code }) => !/from '(hono|express|fastify)'/.test(code))
  .map((example, n) => ({ ...example, file: `example-${n}.ts` }));

/** Servers use any free port instead of theirs, and do not keep the process running. */
const preload = `
import { Server } from 'node:net';
const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === 'string') return listen.call(this, port, ...rest); // the lock of a store
  const free = typeof port === 'object' ? { ...port, port: 0 } : 0;
  return listen.call(this, free, ...rest.filter((one) => typeof one === 'function')).unref();
};
`;

describe('The examples in the documentation', () => {
  let folder: string;
  before(() => {
    // Inside the package, so that it can be imported by its name.
    mkdirSync(join(root, '.state'), { recursive: true });
    folder = mkdtempSync(join(root, '.state', 'documentation-'));
    writeFileSync(join(folder, 'preload.mjs'), preload);
    const settings = { extends: relative(folder, join(root, 'tsconfig.json')), include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    for (const { file, code } of examples) writeFileSync(join(folder, file), code);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('are there', () => {
    expect(examples.map(({ place }) => place.split(':')[0])).to.include.members(['README.md', 'docs/library.md']);
  });

  it('compile', async () => {
    const { stdout } = await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch((failure) => failure);
    const named = examples.reduce((text, { file, place }) => text.replaceAll(file, place), String(stdout));
    expect(named).to.equal('');
  });

  // `npm run test:mongodb` runs those that need a database.
  for (const { place, file, code } of examples.filter((one) => !one.code.includes("'portcullis/mongodb'"))) {
    it(`${place} runs, and prints what it says`, async () => {
      const { stdout } = await run(
        process.execPath,
        ['--conditions=portcullis-source', '--import', join(folder, 'preload.mjs'), join(folder, file)],
        { env: { PATH: process.env['PATH'], CLIENT_SECRET: 'correct horse battery staple' }, timeout: 20_000 },
      );
      const promised = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, line]) => line);
      if (promised.length > 0) expect(stdout.trimEnd().split('\n')).to.deep.equal(promised);
    });
  }
});

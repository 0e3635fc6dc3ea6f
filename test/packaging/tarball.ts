/**
 * The package as it is published: packed, installed in an empty folder, type-checked and run there, on the oldest Node that
 * it supports. It installs that Node from the registry and is therefore a separate suite: `npm run test:package`.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly devDependencies: Readonly<Record<string, string>>;
};
const oldestNode = `${/\d+\.\d+/.exec(manifest.engines.node)?.[0]}.0`;
const sameAsHere = (...names: readonly string[]) => names.map((name) => `${name}@${manifest.devDependencies[name]}`);

const tenLines = `
import { createGate } from 'portcullis';
const client = { clientId: 'printer', clientSecret: 'correct horse battery staple' };
const gate = createGate({ audience: 'orders', scopes: ['read'], clients: [client] });
const form = { grant_type: 'client_credentials', client_id: client.clientId, client_secret: client.clientSecret, scope: 'read' };
const issued = await gate.exchange(form);
if (issued.state === 'refused') throw new Error(issued.description);
const good: 'admitted' | 'denied' = (await gate.check(issued.accessToken, { scopes: ['read'] })).state;
await gate.revoke(issued.accessToken);
console.log(good, (await gate.check(issued.accessToken)).state, issued.expiresIn?.toFixed());
`;

/** Uses every entry of the package in a way that only the right types allow. */
const allEntries = `
import { Server } from '@grpc/grpc-js';
import Koa from 'koa';
import { type Bearer, type CheckOutcome, InvalidOption, type Store } from 'portcullis';
import { bearerInterceptor, bearerOf as ofCall } from 'portcullis/grpc';
import { bearer, oauthRoutes } from 'portcullis/koa';
import { type DurableStore, lmdbStore } from 'portcullis/lmdb';
import { mongodbStore } from 'portcullis/mongodb';
import { handClock, memoryStore, testGate, tokenFor } from 'portcullis/testing';
import { bearerOf as ofHandshake, guardUpgrade, tokenRoute } from 'portcullis/ws';
import { WebSocketServer } from 'ws';

const store: Store = memoryStore();
const gate = testGate({ store, clock: handClock(), scopes: ['read'] });
const outcome: CheckOutcome = await gate.check(await tokenFor(gate, { scopes: ['read'], subject: 'alice' }));
const admitted: Bearer | undefined = outcome.state === 'admitted' ? outcome.bearer : undefined;
const app = new Koa();
app.use(oauthRoutes(gate)).use(bearer(gate)).use((ctx) => { ctx.body = ctx.state.bearer.grant.subject; });
const server = new Server({ interceptors: [bearerInterceptor(gate, { scopes: ['read'] })] });
const sockets = new WebSocketServer({ noServer: true });
const guard = guardUpgrade(gate, { sockets, origins: ['https://app.example'] });
// @ts-expect-error: scopes are a list
const wrong = () => bearer(gate, { scopes: 'read' });
try { wrong(); } catch (error) { if (!(error instanceof InvalidOption)) throw error; }
const durable: Promise<DurableStore>[] = [];
const open = () => { durable.push(mongodbStore({ url: 'mongodb://127.0.0.1/orders', key: new Uint8Array(32) })); };
const kept: DurableStore = await lmdbStore({ directory: 'orders.lmdb', key: new Uint8Array(32) });
await kept.close();
if (durable.length > 0) open();
console.log(admitted?.grant.subject, [server, guard, ofCall, ofHandshake, tokenRoute(gate)].length);
`;

/** Gets a token from the server of an example, and calls it without and with the token. */
const clientOf = (port: number) => `
const at = 'http://127.0.0.1:${port}';
const form = { grant_type: 'client_credentials', client_id: 'printer', client_secret: 'correct horse battery staple', scope: 'read' };
for (let n = 0; n < 100; n++) {
  if (await fetch(at).then(() => true, () => false)) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const issued = await fetch(at + '/oauth2/token', { method: 'POST', body: new URLSearchParams(form) });
const { access_token } = (await issued.json()) as { access_token: string };
const refused = await fetch(at + '/orders/7');
const passed = await fetch(at + '/orders/7', { headers: { authorization: 'Bearer ' + access_token } });
console.log(issued.status, refused.status, refused.headers.get('www-authenticate'), passed.status, await passed.text());
process.exit();
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

/** Refuses to load native modules, and prints at the end which files were loaded. */
const witness = `
import { registerHooks } from 'node:module';
const loaded = [];
process.dlopen = (_module, file) => { throw new Error('a native module was loaded: ' + file); };
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
process.on('exit', () => console.log('loaded ' + loaded.join(' ')));
`;

describe('The packed package', () => {
  let folder: string;
  let node: string;
  const inFolder = (file: string, ...args: readonly string[]) => run(file, args, { cwd: folder });
  const npm = async (...args: readonly string[]) => (await run('npm', args, { cwd: folder })).stdout;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-package-'));
    await run('npm', ['pack', '--pack-destination', folder], { cwd: root });
    const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
    const own = { private: true, type: 'module', allowScripts: { node: true } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund'];
    await npm('install', ...quietly, `./${tarball}`, `node@${oldestNode}`, ...sameAsHere('typescript', '@types/node'));
    node = join(folder, 'node_modules', '.bin', 'node');
    writeFileSync(join(folder, 'ten-lines.ts'), tenLines);
    writeFileSync(join(folder, 'witness.mjs'), witness);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The errors of the compiler for a file with all strict options, including the declarations of the package. */
  async function compilerErrors(file: string, module: 'nodenext' | 'preserve'): Promise<string> {
    const strict = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--noUncheckedIndexedAccess',
      '--skipLibCheck',
      'false',
    ];
    const target = ['--target', 'es2024', '--types', 'node', '--noEmit', '--module', module];
    const tsc = join(folder, 'node_modules', '.bin', 'tsc');
    return (await inFolder(tsc, ...strict, ...target, file).catch((failure) => failure)).stdout;
  }

  it('is installed without the packages that only some entries need', () => {
    expect(existsSync(join(folder, 'node_modules', 'portcullis'))).to.equal(true);
    for (const name of ['ws', '@grpc']) expect(existsSync(join(folder, 'node_modules', name)), name).to.equal(false);
  });

  it('contains the build, the command and the docs; no source, and no test except the contract of a store', () => {
    const files = readdirSync(join(folder, 'node_modules', 'portcullis'), { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).split('/node_modules/portcullis/')[1]!);
    const others = files.filter(
      (file) =>
        !/^dist\/(src|adapters|test\/contract)\/.+\.(js|d\.ts)$/.test(file) &&
        !/^docs\/.+\.(md|svg)$/.test(file) &&
        !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|bin\/portcullis\.js)$/.test(file),
    );
    expect(others).to.deep.equal([]);
    expect(files).to.include.members([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'docs/configuration.md',
      'dist/adapters/library/portcullis.js',
    ]);
  });

  it('runs on the oldest Node that it supports', async () => {
    expect((await inFolder(node, '--version')).stdout.trim()).to.equal(`v${oldestNode}`);
    expect((await inFolder(node, 'ten-lines.ts')).stdout.trim()).to.equal('admitted denied 600');
  });

  for (const module of ['nodenext', 'preserve'] as const) {
    it(`has types for a strict program (module ${module})`, async () => {
      expect(await compilerErrors('ten-lines.ts', module)).to.equal('');
    });
  }

  it('loads no native module, no framework and no other package for its core', async () => {
    const { stdout } = await inFolder(node, '--import', './witness.mjs', 'ten-lines.ts');
    const [printed, loaded = ''] = stdout.trim().split('\nloaded ');
    expect(printed).to.equal('admitted denied 600');
    const files = loaded.split(' ').filter((url) => !url.startsWith('node:'));
    expect(files.filter((url) => url.includes('/node_modules/portcullis/'))).to.have.length.greaterThan(20);
    const otherPackages = files.filter(
      (url) => url.includes('/node_modules/') && !url.includes('/node_modules/portcullis/'),
    );
    expect(otherPackages).to.deep.equal([]);
  });

  it('the check above finds a native module', async () => {
    writeFileSync(join(folder, 'native.mjs'), "import 'lmdb';");
    const failure = await inFolder(node, '--import', './witness.mjs', 'native.mjs').catch((error) => error);
    expect(failure.stderr).to.include('a native module was loaded');
  });

  it('does not export its internal modules', async () => {
    writeFileSync(join(folder, 'inside.mjs'), "import 'portcullis/dist/src/gate.js';");
    const failure = await inFolder(node, 'inside.mjs').catch((error) => error);
    expect(failure.stderr).to.include('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('installs the command', async () => {
    const { stdout } = await inFolder(node, join('node_modules', '.bin', 'portcullis'), '--version');
    expect(stdout).to.include(manifest.version);
  });

  it('can be required by a CommonJS program, in JavaScript and in TypeScript', async () => {
    const program = tenLines
      .replace("import { createGate } from 'portcullis';", "const { createGate } = require('portcullis');")
      .replace(": 'admitted' | 'denied'", '');
    writeFileSync(join(folder, 'required.cjs'), `(async () => {${program}})();`);
    expect((await inFolder(node, 'required.cjs')).stdout.trim()).to.equal('admitted denied 600');

    const typed =
      "import { createGate } from 'portcullis';\nconst gate = createGate();\nconsole.log(gate.issuer.profile.name);\n";
    writeFileSync(join(folder, 'typed.cts'), typed);
    const tsc = join(folder, 'node_modules', '.bin', 'tsc');
    for (const module of [['nodenext'], ['node20'], ['commonjs', '--moduleResolution', 'bundler']]) {
      rmSync(join(folder, 'typed.cjs'), { force: true });
      const compiled = await inFolder(
        tsc,
        '--strict',
        '--target',
        'es2024',
        '--types',
        'node',
        '--module',
        ...module,
        'typed.cts',
      ).catch((failure) => failure);
      expect(compiled.stdout, module[0]).to.equal('');
      expect(readFileSync(join(folder, 'typed.cjs'), 'utf8'), module[0]).to.include('require("portcullis")');
      expect((await inFolder(node, 'typed.cjs')).stdout.trim(), module[0]).to.equal('rfc9700');
    }
  });

  for (const [framework, packages] of [
    ['hono', ['hono@4', '@hono/node-server@1']],
    ['express', ['express@5']],
    ['fastify', ['fastify@5']],
  ] as const) {
    it(`works with ${framework}, as docs/library.md shows`, async () => {
      const page = readFileSync(join(root, 'docs', 'library.md'), 'utf8');
      const code = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
        .map(([, example = '']) => example)
        .find((example) => example.includes(`from '${framework}'`))!;
      const port = await freePort();
      writeFileSync(join(folder, `${framework}.ts`), code.replace('3002', String(port)) + clientOf(port));
      await npm('install', '--prefer-offline', '--no-audit', '--no-fund', ...packages);
      const { stdout } = await inFolder(node, `${framework}.ts`);
      expect(stdout.trim()).to.equal('200 401 Bearer scope="read" 200 order 7');
    });
  }

  it('has an entry for each transport, with types, when the package that it needs is installed', async () => {
    writeFileSync(join(folder, 'all.ts'), allEntries);
    await npm(
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      ...sameAsHere('@grpc/grpc-js', 'ws', '@types/ws'),
    );
    expect(await compilerErrors('all.ts', 'nodenext')).to.equal('');
    expect((await inFolder(node, 'all.ts')).stdout.trim()).to.equal('alice 5');
  });
});

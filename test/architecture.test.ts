/** Which room may import which, and what no room of the core may do. docs/architecture.md has the same table. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

/**
 * What a room may import besides itself. `src` and `adapters` alone mean everything in them; adapters may use Node's own
 * modules. The rooms of `src` are in their order: each imports only rooms below it in this table.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'src/index': ['src'],
  'src/plugins': [
    'src/address',
    'src/oauth',
    'src/ports',
    'src/access',
    'src/wire',
    'src/content',
    'src/schema',
    'src/routing',
    'src/entities',
    'src/gateway',
    'node:crypto',
  ],
  'src/gateway': [
    'src/address',
    'src/oauth',
    'src/ports',
    'src/gate',
    'src/records',
    'src/routing',
    'src/entities',
    'src/balancer',
  ],
  'src/declarative': ['src/oauth', 'src/ports', 'src/schema', 'src/entities', 'node:crypto'],
  'src/balancer': ['src/address', 'src/ports', 'src/records', 'node:crypto'],
  'src/entities': ['src/oauth', 'src/ports', 'src/schema', 'src/routing', 'node:crypto'],
  'src/routing/regex': ['re2js'],
  'src/routing': ['src/address'],
  'src/schema': ['src/address', 'src/oauth', 'src/ports'],
  'src/records': ['src/address', 'src/oauth', 'src/ports', 'node:crypto'],
  'src/authorization-server': ['src/oauth', 'src/ports', 'src/grants', 'src/authorization', 'src/driver', 'src/wire'],
  'src/gate': ['src/oauth', 'src/ports', 'src/access', 'src/driver'],
  'src/wire': ['src/address', 'src/content', 'src/oauth', 'src/access', 'src/grants', 'src/authorization'],
  'src/content': [],
  'src/driver': ['src/machine', 'src/oauth', 'src/ports', 'src/access', 'src/grants', 'src/authorization'],
  'src/authorization': ['src/machine', 'src/oauth', 'src/grants'],
  'src/grants': ['src/machine', 'src/oauth'],
  'src/access': ['src/machine', 'src/oauth'],
  'src/ports': ['src/oauth'],
  'src/oauth': ['node:crypto'],
  'src/machine': [],
  // BlockList and isIP do no I/O.
  'src/address': ['node:net'],

  'adapters/proxy': ['src', 'adapters/raw-targets', 'adapters/deadlines', 'adapters/upstream'],
  'adapters/upstream': ['src', 'adapters/deadlines'],
  'adapters/deadlines': [],
  'adapters/health-checks': ['src'],
  'adapters/request-body': [],
  'adapters/raw-targets': [],
  'adapters/http': ['src', 'adapters/library', 'adapters/request-body', '@koa/router', 'koa'],
  'adapters/admin': ['src', 'adapters/raw-targets', 'adapters/request-body', 'adapters/turns', '@koa/router', 'koa'],
  'adapters/library': [
    'src',
    'adapters/announcements',
    'adapters/configuration',
    'adapters/crypto',
    'adapters/request-body',
    'adapters/store-memory',
  ],
  'adapters/durable': [
    'src',
    'adapters/announcements',
    'adapters/crypto',
    'adapters/library',
    'adapters/store-lmdb',
    'adapters/store-mongodb',
  ],
  'adapters/grpc': ['src', 'adapters/library', '@grpc/grpc-js'],
  'adapters/websocket': ['src', 'adapters/library', 'adapters/request-body', 'ws'],
  // The contract of a store, which the package offers to those who write one.
  'adapters/testing': ['src', 'adapters/library', 'test/contract'],
  'adapters/store-memory': ['src', 'adapters/turns'],
  'adapters/store-lmdb': ['src', 'lmdb'],
  'adapters/store-mongodb': ['src', 'mongodb'],
  'adapters/crypto': ['src'],
  'adapters/announcements': ['src'],
  'adapters/turns': ['src'],
  'adapters/declarative': ['src', 'adapters/turns', 'yaml'],
  'adapters/tls': ['src', 'adapters/live-rows', 'selfsigned'],
  'adapters/logging': ['pino'],
  'adapters/configuration': ['src', 'yaml'],
  'adapters/live-rows': ['src', 'adapters/turns'],
  'adapters/live-snapshot': ['src', 'adapters/live-rows', 'adapters/turns'],
  'adapters/metrics': ['src', 'adapters/proxy'],
  'adapters/composition-root': ['src', 'adapters', 'inversify', 'reflect-metadata'],
  'adapters/cli': [
    'src/address',
    'adapters/configuration',
    'adapters/declarative',
    'adapters/logging',
    'adapters/composition-root',
  ],
};

/** Rooms that may import Node's HTTP: listeners, and what is mounted behind them. The path of a proxied call does not. */
const seesHttp = [
  'adapters/proxy/listener',
  'adapters/http',
  'adapters/admin',
  'adapters/library',
  'adapters/websocket',
  'adapters/testing',
  'adapters/cli',
];

const root = join(import.meta.dirname, '..');
const files = ['src', 'adapters'].flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file))
    .map((file) => ({
      path: join(top, file).replaceAll('\\', '/'),
      code: withoutComments(readFileSync(join(root, top, file), 'utf8')),
    })),
);

describe('The architecture', () => {
  it('every file is in a room of the table', () => {
    expect(files.length).to.be.greaterThan(100);
    expect(files.map(({ path }) => path).filter((path) => roomOf(path) === undefined)).to.deep.equal([]);
  });

  it('every room of the table has files', () => {
    const inUse = new Set(files.map(({ path }) => roomOf(path)));
    expect(Object.keys(rooms).filter((room) => !inUse.has(room))).to.deep.equal([]);
  });

  for (const [room, may] of Object.entries(rooms)) {
    it(`${room} imports ${may.length === 0 ? 'nothing' : `only ${may.join(', ')}`}`, () => {
      const wrong = files
        .filter(({ path }) => roomOf(path) === room)
        .flatMap(({ path, code }) =>
          importsOf(path, code)
            .filter((target) => !isAllowed(room, target))
            .map((target) => `${path} imports ${target}, which ${room} may not (docs/architecture.md)`),
        );
      expect(wrong).to.deep.equal([]);
    });
  }

  it('no room of src imports a room above it in the table', () => {
    const inOrder = Object.keys(rooms).filter((room) => room.startsWith('src/') && room !== 'src/index');
    const wrong = inOrder.flatMap((room, at) =>
      rooms[room]!.filter((other) => inOrder.includes(other) && inOrder.indexOf(other) < at).map(
        (other) => `${room} imports ${other}`,
      ),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('no two files import each other, directly or through others', () => {
    const imports = new Map(
      files.map(({ path, code }) => [path, importsOf(path, code).map((target) => `${target}.ts`)] as const),
    );
    expect(cyclesIn(imports)).to.deep.equal([]);
    expect(
      cyclesIn(
        new Map([
          ['a', ['b']],
          ['b', ['c', 'd']],
          ['c', ['b']],
          ['d', []],
        ]),
      ),
    ).to.deep.equal(['b > c > b']);
  });

  it('node:http, node:http2 and node:https are imported only by listeners and by what is mounted behind them', () => {
    const wrong = files
      .filter(({ path }) => !seesHttp.some((room) => isIn(room, path)))
      .flatMap(({ path, code }) =>
        importsOf(path, code)
          .filter((target) => /^node:https?2?$/.test(target))
          .map((target) => `${path} imports ${target}`),
      );
    expect(wrong).to.deep.equal([]);
  });

  it('no file is over 450 lines', () => {
    // The reader of node:http's and node:http2's messages. Our own HTTP/2 will replace it, so it stays in one piece.
    const exception = 'adapters/proxy/listener/node-incoming.ts';
    const long = files
      .map(({ path }) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length - 1 }))
      .filter(({ lines }) => lines > 450)
      .map(({ path }) => path);
    expect(long).to.deep.equal([exception]);
  });

  it('inversify is imported by the composition root only', () => {
    const knows = files.filter(({ path, code }) =>
      importsOf(path, code).some((target) => /^(?:inversify|reflect-metadata)$/.test(target)),
    );
    expect(knows).not.to.deep.equal([]);
    expect(knows.map(({ path }) => path).filter((path) => !isIn('adapters/composition-root', path))).to.deep.equal([]);
  });

  for (const [rule, pattern, where] of [
    ['SE-03: no random number that could be guessed', /\bMath\.random\b/, () => true],
    [
      'no randomness in the core except by the entropy port',
      /\brandom(?:Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b|\bgenerateKey/,
      inCore,
    ],
    [
      'no clock in the core except the clock port',
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
      inCore,
    ],
    ['no timer in the core', /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\.nextTick\b/, inCore],
    ['no process, console or network in the core', /\bprocess\.|\bconsole\.|\bglobalThis\b|\bfetch\(/, inCore],
    [
      'no await in the core outside the driver',
      /\bawait\b|\basync\b/,
      (path: string) => inCore(path) && !isIn('src/driver', path),
    ],
    ['no default export', /^export default\b/m, () => true],
    [
      'no `export *`, except that the package’s entry shows all of src/index.ts',
      /^export \*(?! from '\.\.\/\.\.\/src\/index\.ts')/m,
      () => true,
    ],
  ] as const) {
    it(rule, () => {
      const wrong = files.filter(({ path, code }) => where(path) && pattern.test(code)).map(({ path }) => path);
      expect(wrong).to.deep.equal([]);
    });
  }

  it('there is one index.ts, and it contains only exports', () => {
    expect(files.map(({ path }) => path).filter((path) => path.endsWith('/index.ts'))).to.deep.equal(['src/index.ts']);
    const index = files.find(({ path }) => path === 'src/index.ts')!;
    expect(index.code.replace(/export (type )?\{[^}]*\} from '[^']+';/g, '').trim()).to.equal('');
  });

  it('docs/architecture.md shows this table', () => {
    const shown = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
      .split('\n')
      .flatMap((line) => /^\| `([^`]+)` \| [^|]* \| ([^|]*) \|$/.exec(line)?.slice(1, 3).join(': ') ?? []);
    const expected = Object.entries(rooms).map(
      ([room, may]) => `${room}: ${may.length === 0 ? 'nothing' : may.map((other) => `\`${other}\``).join(', ')}`,
    );
    expect(shown).to.deep.equal(expected);
  });

  it('the check finds all forms of imports', () => {
    const seen = (code: string) => importsOf('src/plugins/x.ts', withoutComments(code));
    expect(seen("import { a } from 'lmdb';")).to.deep.equal(['lmdb']);
    expect(seen("import {\n  type A,\n  b,\n} from '../routing/b.ts';")).to.deep.equal(['src/routing/b']);
    expect(seen("export type { A } from '../gate.ts';")).to.deep.equal(['src/gate']);
    expect(seen("import 'reflect-metadata';\nconst b = await import('mongodb');")).to.deep.equal([
      'reflect-metadata',
      'mongodb',
    ]);
    expect(seen("const f = createRequire(import.meta.url)('./x.json'); require('lmdb')")).to.deep.equal(['lmdb']);
    expect(seen("/* import 'a'; */\n// from 'b'\n * import c from 'c'\n'import'")).to.deep.equal([]);
    expect(isAllowed('src/oauth', 'src/ports/clock')).to.equal(false);
    expect(isAllowed('src/routing', 'src/routing/regex/linear-regex')).to.equal(true);
    expect(isAllowed('src/ports', 'src/oauth/client')).to.equal(true);
    expect(isAllowed('src/ports', 'src/oauth2/client')).to.equal(false);
    expect(isAllowed('src/ports', 'node:fs')).to.equal(false);
    expect(isAllowed('adapters/tls', 'node:fs')).to.equal(true);
    expect(roomOf('src/plugins/cors.ts')).to.equal('src/plugins');
    expect(roomOf('src/routing/regex/linear-regex.ts')).to.equal('src/routing/regex');
    expect(roomOf('adapters/proxy/listener/connection.ts')).to.equal('adapters/proxy');
    expect(roomOf('adapters/configuration.ts')).to.equal('adapters/configuration');
    expect(roomOf('src/novel/x.ts')).to.equal(undefined);
  });
});

/** The innermost room of a file. A file next to a folder of the same name belongs to that room. */
function roomOf(path: string): string | undefined {
  return Object.keys(rooms)
    .filter((room) => isIn(room, path))
    .sort((one, other) => other.length - one.length)[0];
}

function isIn(room: string, path: string): boolean {
  return path === `${room}.ts` || path.startsWith(`${room}/`);
}

function isAllowed(room: string, target: string): boolean {
  if (target.startsWith('node:') && room.startsWith('adapters/')) return true;
  return [room, ...rooms[room]!].some((other) => target === other || target.startsWith(`${other}/`));
}

/** The imports of a file: paths from the root without `.ts`, or names of packages. */
function importsOf(path: string, code: string): string[] {
  const found = code.matchAll(
    /^\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\b(?:import|require)\(\s*'([^']+)'/gm,
  );
  return [...found].map(([, from, effect, called]) => {
    const target = (from ?? effect ?? called)!;
    return target.startsWith('.') ? join(dirname(path), target).replaceAll('\\', '/').replace(/\.ts$/, '') : target;
  });
}

/** Each cycle once, as its files. */
function cyclesIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
    if (done.has(path) || trail.includes(path)) return;
    for (const target of imports.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return cycles;
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*(\/\/|\* ).*$/gm, '');
}

function inCore(path: string): boolean {
  return path.startsWith('src/');
}

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { commands, helpFor } from '../../adapters/cli/help.ts';
import { main } from '../../adapters/cli/main.ts';
import { paintFor } from '../../adapters/cli/terminal.ts';
import { settingNames } from '../../adapters/configuration/settings.ts';
import { onCommandLine } from '../../adapters/configuration/sources.ts';
import { testTerminal } from './terminal.ts';

const own = createRequire(import.meta.url)('../../package.json') as { version: string };

describe('portcullis', () => {
  it('prints its commands when it gets no words', async () => {
    const terminal = testTerminal({});
    expect(await main([], terminal)).to.equal(2);
    expect(terminal.printed.out)
      .to.match(/portcullis demo/)
      .and.match(/portcullis protect http/)
      .and.match(/portcullis start/);
  });

  for (const word of ['--version', '-v', 'version']) {
    it(`prints its version: ${word}`, async () => {
      const terminal = testTerminal({});
      expect(await main([word], terminal)).to.equal(0);
      expect(terminal.printed.out).to.equal(`${own.version}\n`);
    });
  }

  for (const words of [
    ['--help'],
    ['-h'],
    ['help'],
    ['help', 'start'],
    ['start', '--help'],
    ['demo', '-h'],
    ['protect', '--help'],
  ]) {
    it(`helps: ${words.join(' ')}`, async () => {
      const terminal = testTerminal({});
      expect(await main(words, terminal)).to.equal(0);
      expect(terminal.printed.out).to.include('portcullis');
      expect(terminal.printed.err).to.equal('');
      expect(terminal.opened).to.deep.equal([]);
    });
  }

  it('helps in lines that fit a terminal of 80 columns', () => {
    for (const command of ['', ...commands]) {
      const lines = helpFor(command, paintFor({ write() {} }, {})).split('\n');
      expect(
        lines.filter((line) => line.length > 80),
        command,
      ).to.deep.equal([]);
    }
  });

  it('refuses help for an unknown command', async () => {
    const terminal = testTerminal({});
    expect(await main(['help', 'strat'], terminal)).to.equal(2);
    expect(terminal.printed).to.deep.equal({
      out: '',
      err: 'portcullis: unknown command "strat"; did you mean start?\nFor all commands: portcullis --help\n',
    });
  });

  it('helps with every setting', () => {
    const help = helpFor('start', paintFor({ write() {} }, {}));
    for (const name of settingNames) expect(help).to.include(`${onCommandLine(name)} `);
  });

  it('suggests the command that was meant', async () => {
    const terminal = testTerminal({});
    expect(await main(['strat'], terminal)).to.equal(2);
    expect(terminal.printed.err).to.equal(
      'portcullis: unknown command "strat"; did you mean start?\nFor all commands: portcullis --help\n',
    );
    const switched = testTerminal({});
    expect(await main(['--verison'], switched)).to.equal(2);
    expect(switched.printed.err).to.include('"--verison"; did you mean --version?');
    for (const name of ['constructor', '__proto__', 'toString']) {
      expect(await main([name], testTerminal({})), name).to.equal(2);
    }
  });

  it('has colours on a terminal only, and not if NO_COLOR is set or the terminal is dumb', async () => {
    const print = async (how: Parameters<typeof testTerminal>[0]) => {
      const terminal = testTerminal(how);
      await main(['--help'], terminal);
      return terminal.printed.out;
    };
    expect(await print({ isTTY: true })).to.include('\u001b[');
    for (const how of [{}, { isTTY: true, env: { NO_COLOR: '1' } }, { isTTY: true, env: { TERM: 'dumb' } }]) {
      expect(await print(how)).not.to.include('\u001b');
    }
  });
});

describe('portcullis start', () => {
  it('opens the gate with its settings, logs one line, and exits with 0 when it is stopped', async () => {
    const terminal = testTerminal({ env: { PORTCULLIS_STORE: 'memory:' } });
    const ended = main(['start', '--log-level', 'warn'], terminal);
    await new Promise(setImmediate);
    expect(terminal.opened).to.have.length(1);
    expect(terminal.opened[0]).to.deep.include({ store: { kind: 'memory' }, logLevel: 'warn' });
    const [line, ...more] = terminal.printed.out.trimEnd().split('\n');
    expect(more).to.deep.equal([]);
    expect(JSON.parse(line!)).to.deep.include({
      msg: `Portcullis ${own.version} is ready: proxy on http://0.0.0.0:8000, https://[::1]:8443; Admin API on http://127.0.0.1:8001`,
      proxy: ['http://0.0.0.0:8000', 'https://[::1]:8443'],
      admin: ['http://127.0.0.1:8001'],
    });
    expect(terminal.closed).to.equal(0);
    terminal.stop();
    expect(await ended).to.equal(0);
    expect(terminal.closed).to.equal(1);
    expect(terminal.printed.err).to.equal('');
  });

  it('does not start with wrong settings, and names all of them', async () => {
    const terminal = testTerminal({ env: { PORTCULLIS_STROE: 'memory:' } });
    expect(await main(['start', '--workers', '2'], terminal)).to.equal(2);
    expect(terminal.opened).to.deep.equal([]);
    expect(terminal.printed.err)
      .to.include('PORTCULLIS_STROE: there is no such setting; did you mean PORTCULLIS_STORE?')
      .and.include('--workers: 2 workers are not supported yet');
  });

  it('refuses a wrong flag by its name', async () => {
    for (const [words, says] of [
      [['--stroe', 'memory:'], 'unknown flag --stroe; did you mean --store?'],
      [['--stroe=memory:'], 'unknown flag --stroe; did you mean --store?'],
      [['-store', 'memory:'], 'unknown flag -store; did you mean --store?'],
      [['--zzzzzzzz'], 'unknown flag --zzzzzzzz\n'],
      [['--toString'], 'unknown flag --toString'],
      [['--__proto__=x'], 'unknown flag --__proto__'],
      [['--store'], '--store takes a value'],
      [['--store', 'memory:', '--store=lmdb:'], '--store is given twice'],
      [['now'], 'unexpected argument "now"'],
      [['--', '--store'], 'unexpected argument "--store"'],
    ] as const) {
      const terminal = testTerminal({});
      expect(await main(['start', ...words], terminal)).to.equal(2);
      expect(terminal.printed.err).to.include(says);
      expect(terminal.opened).to.deep.equal([]);
    }
  });

  describe('reads a settings file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-cli-'));
    const file = join(directory, 'gate.yml');
    before(() => writeFileSync(file, 'store: "memory:"\nlog_level: error\n'));
    after(() => rmSync(directory, { recursive: true }));

    for (const [how, words, env] of [
      ['--settings', ['--settings', file], {}],
      ['PORTCULLIS_SETTINGS', [], { PORTCULLIS_SETTINGS: file }],
    ] as const) {
      it(`named by ${how}`, async () => {
        const terminal = testTerminal({ env });
        terminal.stop();
        expect(await main(['start', ...words], terminal)).to.equal(0);
        expect(terminal.opened[0]).to.include({ logLevel: 'error' });
      });
    }
    it('or says that it does not exist', async () => {
      const terminal = testTerminal({});
      expect(await main(['start', '--settings', `${file}.old`], terminal)).to.equal(2);
      expect(terminal.printed.err).to.equal(`portcullis: --settings: ${file}.old cannot be read (no such file)\n`);
    });
  });

  it('logs each warning about the settings', async () => {
    const terminal = testTerminal({ env: { KONG_DATABASE: 'off', PORTCULLIS_STORE: 'memory:' } });
    terminal.stop();
    await main(['start'], terminal);
    const warnings = terminal.printed.out.split('\n').filter((line) => line.includes('"warn"'));
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('KONG_DATABASE');
  });

  describe('says in one line why the gate cannot be opened', () => {
    const opening = async (error: Error, env: Record<string, string> = {}) => {
      const terminal = testTerminal({
        env,
        gate: () => {
          throw error;
        },
      });
      expect(await main(['start'], terminal)).to.equal(1);
      expect(terminal.printed.err.trimEnd().split('\n')).to.have.length(1);
      return terminal.printed;
    };
    const taken = { address: '127.0.0.1', syscall: 'listen' };

    it('with the setting of the port', async () => {
      const at = async (code: string, port: number, env = {}) =>
        (await opening(Object.assign(new Error(`listen ${code}`), { ...taken, code, port }), env)).err;
      expect(await at('EADDRINUSE', 8001)).to.equal(
        'portcullis: the gate cannot be opened: 127.0.0.1:8001 (PORTCULLIS_ADMIN_LISTEN) is in use by another program\n',
      );
      expect(await at('EACCES', 80, { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:80' })).to.match(
        /PROXY_LISTEN.*ports below 1024/,
      );
      expect(await at('EADDRINUSE', 7000, { KONG_PROXY_LISTEN: '127.0.0.1:7000' })).to.include(' (KONG_PROXY_LISTEN) ');
      expect(await at('EADDRNOTAVAIL', 8000)).to.match(/not an address of this machine/);
      expect(await at('ECONNREFUSED', 27017)).to.match(/listen ECONNREFUSED/);
    });

    it('SE-02: and no secret, whatever a library put into its message', async () => {
      const key = 'ab'.repeat(32);
      const env = {
        PORTCULLIS_STORE: 'mongodb://ada:p%40ssword-of-ada@db/portcullis',
        PORTCULLIS_KEY: key,
        PORTCULLIS_ADMIN_TOKEN: 'token-of-the-admin',
        PORTCULLIS_LOG_LEVEL: 'trace',
      };
      const base64 = Buffer.from(key, 'hex').toString('base64');
      const { out, err } = await opening(
        new Error(`no: p@ssword-of-ada p%40ssword-of-ada ${key} ${base64} token-of-the-admin mongodb://x:yyy@z`),
        env,
      );
      expect(err).to.include('[redacted]');
      for (const secret of ['p@ssword', 'p%40ss', key, base64, 'token-of-the-admin', 'yyy']) {
        expect(out + err).not.to.include(secret);
      }
    });
  });
});

describe('portcullis protect', () => {
  it('says what is wrong with the service or the port', async () => {
    for (const [words, says] of [
      [[], /the URL of the service is missing/],
      [['localhost:3000'], /"localhost:3000" is not the URL of a service/],
      [['http://ada:secret@localhost'], /cannot have a user name, query or fragment/],
      [['http://localhost', '--port', 'any'], /--port takes a number/],
      [['http://localhost', '--port', '70000'], /--port takes a number up to 65535/],
      [
        ['http://localhost', '--proxy-listen', 'off'],
        /--proxy-listen: cannot be off with protect: the gate has to listen/,
      ],
      [
        ['http://localhost', '--admin-listen', 'off'],
        /--admin-listen: cannot be off with protect: the Admin API registers the client/,
      ],
      [['http://localhost', '--config', 'kong.yml'], /--config: protect cannot add a service to a configuration file/],
      [['http://localhost', '--port=1', '--proxy-listen=127.0.0.1:2'], /leave one out/],
      [['http://localhost', 'http://localhost'], /unexpected argument/],
    ] as const) {
      const terminal = testTerminal({});
      expect(await main(['protect', ...words], terminal)).to.equal(2);
      expect(terminal.printed.err).to.match(says);
      expect(terminal.opened).to.deep.equal([]);
    }
  });

  it('says in one line what failed after the gate was opened, and closes it', async () => {
    const terminal = testTerminal({ env: { PORTCULLIS_STORE: 'memory:' } });
    const admin = createServer((_, response) => response.writeHead(503).end('{"message":"the store is away"}'));
    await once(admin.listen(0, '127.0.0.1'), 'listening');
    const at = { host: '127.0.0.1', port: (admin.address() as AddressInfo).port };
    const troubled = {
      proxy: [{ ...at, ssl: false }],
      admin: [{ ...at, ssl: false }],
      status: [],
      async reload() {},
      close: async () => void (terminal.closed += 1),
    };
    const open = async () => troubled;
    expect(await main(['protect', 'http://127.0.0.1:1'], { ...terminal, gate: async () => open })).to.equal(1);
    admin.closeAllConnections();
    admin.close();
    expect(terminal.printed.err).to.equal('portcullis: PUT /services/protected failed with 503: the store is away\n');
    expect(terminal.closed).to.equal(1);
  });

  it('names the option of a port that is in use', async () => {
    const messageFor = async (words: string[], env: Record<string, string> = {}) => {
      const terminal = testTerminal({
        env: { PORTCULLIS_STORE: 'memory:', ...env },
        gate: ({ proxyListen }) => {
          const { host: address, port } = proxyListen[0]!;
          throw Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', address, port });
        },
      });
      expect(await main(['protect', 'http://localhost:3000', ...words], terminal)).to.equal(1);
      return terminal.printed.err;
    };
    const inUse = (at: string) => `portcullis: the gate cannot be opened: ${at} is in use by another program\n`;
    expect(await messageFor([])).to.equal(inUse('127.0.0.1:8000 (--port)'));
    expect(await messageFor(['--port', '9000'])).to.equal(inUse('127.0.0.1:9000 (--port)'));
    expect(await messageFor(['--proxy-listen', '127.0.0.1:9001'])).to.equal(inUse('127.0.0.1:9001 (--proxy-listen)'));
    expect(await messageFor([], { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:9002' })).to.equal(
      inUse('127.0.0.1:9002 (PORTCULLIS_PROXY_LISTEN)'),
    );
  });

  it('has a store for each service, separate from the store of start', async () => {
    const directoryFor = async (words: string[], env: Record<string, string> = {}) => {
      const terminal = testTerminal({
        env: { PORTCULLIS_STATE_DIR: '/state', ...env },
        gate: () => {
          throw new Error('not now');
        },
      });
      await main(['protect', ...words], terminal);
      return terminal.opened[0]!.store;
    };
    const one = await directoryFor(['http://localhost:3000']);
    const other = await directoryFor(['http://localhost:3000/base']);
    expect(one)
      .to.deep.equal(await directoryFor(['http://localhost:3000/']))
      .and.not.to.deep.equal(other);
    for (const store of [one, other])
      expect(store.kind === 'lmdb' && store.directory).to.match(/^\/state\/protect\/localhost_3000-/);
    // A store that was given is used.
    expect(await directoryFor(['http://localhost:3000', '--store', 'memory:'])).to.deep.equal({ kind: 'memory' });
    const given = { kind: 'lmdb', directory: '/state/store' };
    expect(await directoryFor(['http://localhost:3000'], { PORTCULLIS_STORE: 'lmdb:/state/store' })).to.deep.equal(
      given,
    );
  });

  it('listens on loopback only, unless a setting names another address', async () => {
    const listens = async (words: string[], env: Record<string, string> = {}) => {
      const terminal = testTerminal({
        env,
        gate: () => {
          throw new Error('not now');
        },
      });
      await main(['protect', 'http://localhost:3000', ...words], terminal);
      return terminal.opened[0]!.proxyListen.map(({ host, port }) => `${host}:${port}`);
    };
    expect(await listens([])).to.deep.equal(['127.0.0.1:8000']);
    expect(await listens(['--port', '9000'])).to.deep.equal(['127.0.0.1:9000']);
    expect(await listens([], { PORTCULLIS_PROXY_LISTEN: '0.0.0.0:80' })).to.deep.equal(['0.0.0.0:80']);
    expect(await listens(['--port', '9000'], { PORTCULLIS_PROXY_LISTEN: '0.0.0.0:80' })).to.deep.equal([
      '127.0.0.1:9000',
    ]);
  });
});

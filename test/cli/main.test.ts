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
  it('says what it can do when it is asked nothing', async () => {
    const terminal = testTerminal({});
    expect(await main([], terminal)).to.equal(2);
    expect(terminal.printed.out)
      .to.match(/portcullis demo/)
      .and.match(/portcullis protect http/)
      .and.match(/portcullis start/);
  });

  for (const word of ['--version', '-v', 'version']) {
    it(`tells its version: ${word}`, async () => {
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

  it('helps with no command that is not there', async () => {
    const terminal = testTerminal({});
    expect(await main(['help', 'strat'], terminal)).to.equal(2);
    expect(terminal.printed).to.deep.equal({
      out: '',
      err: 'portcullis: there is no command "strat"; did you mean start?\nportcullis --help lists them.\n',
    });
  });

  it('helps with every setting', () => {
    const help = helpFor('start', paintFor({ write() {} }, {}));
    for (const name of settingNames) expect(help).to.include(`${onCommandLine(name)} `);
  });

  it('asks whether another command was meant', async () => {
    const terminal = testTerminal({});
    expect(await main(['strat'], terminal)).to.equal(2);
    expect(terminal.printed.err).to.equal(
      'portcullis: there is no command "strat"; did you mean start?\nportcullis --help lists them.\n',
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
  it('opens the gate as it was set up, says so in one line, and ends with 0 when it is stopped', async () => {
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

  it('starts nothing with a setting that cannot be used, and names all of them', async () => {
    const terminal = testTerminal({ env: { PORTCULLIS_STROE: 'memory:' } });
    expect(await main(['start', '--workers', '2'], terminal)).to.equal(2);
    expect(terminal.opened).to.deep.equal([]);
    expect(terminal.printed.err)
      .to.include('PORTCULLIS_STROE: there is no such setting; did you mean PORTCULLIS_STORE?')
      .and.include('--workers: 2 workers are not supported yet');
  });

  it('refuses a flag it does not know, or one without its value', async () => {
    for (const [words, says] of [
      [['--stroe', 'memory:'], 'there is no --stroe; did you mean --store?'],
      [['--store'], '--store takes a value'],
      [['--store', 'memory:', '--store=lmdb:'], '--store is given twice'],
      [['now'], '"now" is not understood here'],
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
    it('or says that it is not there', async () => {
      const terminal = testTerminal({});
      expect(await main(['start', '--settings', `${file}.old`], terminal)).to.equal(2);
      expect(terminal.printed.err).to.equal(
        `portcullis: --settings: ${file}.old cannot be read (there is no such file)\n`,
      );
    });
  });

  it('tells what the operator should know in a warning each', async () => {
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

    it('with the setting of a port that cannot be had', async () => {
      const at = async (code: string, port: number, env = {}) =>
        (await opening(Object.assign(new Error(`listen ${code}`), { ...taken, code, port }), env)).err;
      expect(await at('EADDRINUSE', 8001)).to.equal(
        'portcullis: the gate cannot be opened: 127.0.0.1:8001 (PORTCULLIS_ADMIN_LISTEN) is in use by another program\n',
      );
      expect(await at('EACCES', 80, { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:80' })).to.match(
        /PROXY_LISTEN.*ports below 1024/,
      );
      expect(await at('EADDRINUSE', 7000, { KONG_PROXY_LISTEN: '127.0.0.1:7000' })).to.include(' (KONG_PROXY_LISTEN) ');
      expect(await at('EADDRNOTAVAIL', 8000)).to.match(/no address of this machine/);
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
      [[], /which service\?/],
      [['localhost:3000'], /"localhost:3000" is no address of a service/],
      [['http://ada:secret@localhost'], /no user name, query or fragment/],
      [['http://localhost', '--port', 'any'], /--port takes a number/],
      [['http://localhost', '--port', '70000'], /--port takes a number up to 65535/],
      [
        ['http://localhost', '--proxy-listen', 'off'],
        /--proxy-listen: off is not possible here: the gate has to listen/,
      ],
      [
        ['http://localhost', '--admin-listen', 'off'],
        /--admin-listen: off is not possible here: the client is registered by the Admin API/,
      ],
      [['http://localhost', '--config', 'kong.yml'], /--config: what the file says is all that is guarded/],
      [['http://localhost', '--port=1', '--proxy-listen=127.0.0.1:2'], /leave one out/],
      [['http://localhost', 'http://localhost'], /not understood here/],
    ] as const) {
      const terminal = testTerminal({});
      expect(await main(['protect', ...words], terminal)).to.equal(2);
      expect(terminal.printed.err).to.match(says);
      expect(terminal.opened).to.deep.equal([]);
    }
  });

  it('says in one line what failed once the gate is open, and closes it', async () => {
    const terminal = testTerminal({ env: { PORTCULLIS_STORE: 'memory:' } });
    const admin = createServer((_, response) => response.writeHead(503).end('{"message":"the store is away"}'));
    await once(admin.listen(0, '127.0.0.1'), 'listening');
    const at = { host: '127.0.0.1', port: (admin.address() as AddressInfo).port };
    const troubled = { proxy: [{ ...at, ssl: false }], admin: [at], close: async () => void (terminal.closed += 1) };
    const open = async () => troubled;
    expect(await main(['protect', 'http://127.0.0.1:1'], { ...terminal, gate: async () => open })).to.equal(1);
    admin.closeAllConnections();
    admin.close();
    expect(terminal.printed.err).to.equal('portcullis: PUT /services/protected was answered 503: the store is away\n');
    expect(terminal.closed).to.equal(1);
  });

  it('names a port that cannot be had by the option that says it', async () => {
    const told = async (words: string[], env: Record<string, string> = {}) => {
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
    expect(await told([])).to.equal(inUse('127.0.0.1:8000 (--port)'));
    expect(await told(['--port', '9000'])).to.equal(inUse('127.0.0.1:9000 (--port)'));
    expect(await told(['--proxy-listen', '127.0.0.1:9001'])).to.equal(inUse('127.0.0.1:9001 (--proxy-listen)'));
    expect(await told([], { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:9002' })).to.equal(
      inUse('127.0.0.1:9002 (PORTCULLIS_PROXY_LISTEN)'),
    );
  });

  it('keeps what it registers apart from the store of start, and apart for each service', async () => {
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
    // What was asked for is taken.
    expect(await directoryFor(['http://localhost:3000', '--store', 'memory:'])).to.deep.equal({ kind: 'memory' });
    const asked = { kind: 'lmdb', directory: '/state/store' };
    expect(await directoryFor(['http://localhost:3000'], { PORTCULLIS_STORE: 'lmdb:/state/store' })).to.deep.equal(
      asked,
    );
  });

  it('listens on loopback only, unless it is told otherwise', async () => {
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

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { main } from '../../adapters/cli/main.ts';
import { testTerminal } from './terminal.ts';

describe('The commands around a configuration file', () => {
  describe('portcullis config check', () => {
    let directory: string;
    let path: string;

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'portcullis-check-'));
      path = join(directory, 'kong.yml');
    });

    afterEach(() => rmSync(directory, { recursive: true, force: true }));

    const check = async (text: string, ...more: string[]) => {
      writeFileSync(path, text);
      const terminal = testTerminal({});
      const code = await main(['config', 'check', path, ...more], terminal);
      return { code, ...terminal.printed };
    };

    it('counts what a gate would load', async () => {
      const text = "_format_version: '3.0'\nservices:\n- {name: a, host: h, routes: [{paths: [/a]}, {paths: [/b]}]}\n";
      expect(await check(text)).to.deep.equal({
        code: 0,
        out: `${path} can be loaded: services 1, routes 2\n`,
        err: '',
      });
    });

    it('lists all errors at once, each with file, line and field', async () => {
      const text = "_format_version: '3.0'\nservices:\n- name: a\n- {name: b, host: 'x y'}\nplugins:\n- name: oauth\n";
      const { code, out, err } = await check(text);
      expect([code, out]).to.deep.equal([1, '']);
      expect(err.split('\n').map((line) => line.slice(path.length))).to.deep.equal([
        ':3: services[1].host: required field missing',
        ':4: services[2].host: invalid value: x y',
        ':6: plugins[1].name: this gate has no plugin "oauth"',
        '',
      ]);
    });

    it('warns of what loads without effect', async () => {
      const text = "_format_version: '3.0'\nservices:\n- name: a\n  host: h\n  protocol: tcp\n";
      expect(await check(text)).to.deep.equal({
        code: 0,
        out: `${path} can be loaded: services 1\n`,
        err: `warning: ${path}:5: services[1].protocol: tcp is for streams, and the gate forwards HTTP, gRPC and WebSockets only\n`,
      });
    });

    it('skips plugins only by name, and none that authenticates', async () => {
      const text = "_format_version: '3.0'\nplugins:\n- name: zipkin\n- name: ldap-auth\n";
      expect((await check(text, '--skip-plugins', 'zipkin')).err).to.match(/^[^\n]*:4: plugins\[2\].name[^\n]*\n$/);
      expect((await check(text, '--skip-plugins', 'zipkin,ldap-auth')).err).to.include(
        '--skip-plugins: ldap-auth decides',
      );
      expect((await check(text.replace('- name: ldap-auth', ''), '--skip-plugins=zipkin')).out).to.include(
        'without zipkin',
      );
    });

    it('says what it takes', async () => {
      for (const words of [
        ['config'],
        ['config', 'check'],
        ['config', 'chekc', 'x'],
        ['config', 'check', '/no/such/file'],
      ]) {
        const terminal = testTerminal({});
        expect(await main(words, terminal), words.join(' ')).to.equal(2);
        expect(terminal.printed.err).to.match(/^portcullis config: /);
      }
    });
  });

  describe('portcullis reload and portcullis export call the running gate', () => {
    let server: Server;
    let asked: string[];
    let response: { status: number; body: object };

    beforeEach(async () => {
      asked = [];
      server = createServer((req, res) => {
        asked.push(`${req.method} ${req.url} ${req.headers.authorization ?? ''}`.trim());
        res.writeHead(response.status, { 'Content-Type': 'application/json' });
        res.end(JSON.stringify(response.body));
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    });

    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    const run = async (words: string[], env: Record<string, string> = {}) => {
      const port = (server.address() as AddressInfo | null)?.port;
      const terminal = testTerminal({ env: { PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${port}`, ...env } });
      return { code: await main(words, terminal), ...terminal.printed };
    };

    it('reload prints the outcome', async () => {
      response = { status: 200, body: { added: 1, changed: 2, removed: 3 } };
      const env = { PORTCULLIS_ADMIN_TOKEN: 'a-token-of-enough-letters' };
      expect(await run(['reload'], env)).to.deep.equal({
        code: 0,
        out: 'active: 1 added, 2 changed, 3 removed\n',
        err: '',
      });
      expect(asked).to.deep.equal(['POST /config/reload Bearer a-token-of-enough-letters']);
    });

    it('reload lists the problems of a file that changed nothing', async () => {
      const problems = [
        { line: 3, field: 'services[1].host', message: 'required field missing' },
        { field: '', message: 'x' },
      ];
      response = { status: 400, body: { message: 'm', problems } };
      expect(await run(['reload'])).to.deep.include({
        code: 1,
        err: 'portcullis reload: nothing was changed, because the file has problems:\n  line 3: services[1].host: required field missing\n  x\n',
      });
      response = { status: 400, body: { message: 'no file' } };
      expect((await run(['reload'])).err).to.equal('portcullis reload: the gate responded with 400: no file\n');
    });

    it('export prints the file and nothing else', async () => {
      response = { status: 200, body: { config: '_format_version: "3.0"\n' } };
      expect(await run(['export'])).to.deep.equal({ code: 0, out: '_format_version: "3.0"\n', err: '' });
      expect(asked).to.deep.equal(['GET /config']);
      response = { status: 401, body: { message: 'Unauthorized' } };
      expect(await run(['export'])).to.include({ code: 1, out: '' });
    });

    it('say why they found no gate', async () => {
      expect((await run(['export'], { PORTCULLIS_ADMIN_LISTEN: 'off' })).code).to.equal(2);
      expect((await run(['export'], { PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0' })).err).to.include(
        'PORTCULLIS_ADMIN_LISTEN',
      );
      const { port } = server.address() as AddressInfo;
      server.close();
      server.closeAllConnections();
      const { err } = await run(['reload'], { PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${port}` });
      expect(err).to.match(
        /no gate responds at .*\nIs the gate running, and is PORTCULLIS_ADMIN_LISTEN the same as at its start\?/,
      );
    });
  });
});

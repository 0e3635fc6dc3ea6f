/** Commands as processes: SIGHUP, and output to a pipe. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { a, b } from '../support/certificates.ts';

describe('SIGHUP', () => {
  let directory: string;
  let gate: ChildProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-hangup-'));
  });

  afterEach(async () => {
    const ended = gate?.exitCode === null ? new Promise((done) => gate!.on('exit', done)) : undefined;
    gate?.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });

  /** Starts a gate. Returns a function that waits for a line of the log. */
  function start(settings: Readonly<Record<string, string>>) {
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'portcullis.js');
    const started = spawn(process.execPath, [bin, 'start'], {
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        PORTCULLIS_STORE: 'memory:',
        PORTCULLIS_STATE_DIR: directory,
        PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    gate = started;
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
    return async (what: RegExp): Promise<Record<string, unknown>> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`the log ended before ${what}`);
        if (what.test(value)) return JSON.parse(value);
      }
    };
  }

  it('reads the configuration file again: a valid one becomes active, an invalid one changes nothing and is logged', async () => {
    const file = join(directory, 'kong.yml');
    const withServices = (...names: string[]) =>
      writeFileSync(
        file,
        `_format_version: "3.0"\nservices:\n${names.map((name) => `- {name: ${name}, host: h}\n`).join('')}`,
      );
    withServices('a');
    const next = start({ PORTCULLIS_CONFIG: file, PORTCULLIS_PROXY_LISTEN: 'off' });
    const { admin } = (await next(/is ready/)) as { admin: string[] };
    const names = async () => {
      const { data } = (await (await fetch(`${admin[0]}/services`)).json()) as { data: { name: string }[] };
      return data.map(({ name }) => name).sort();
    };
    expect(await names()).to.deep.equal(['a']);

    withServices('a', 'b');
    gate!.kill('SIGHUP');
    expect(await next(/configuration file is active/)).to.include({ added: 1, changed: 0, removed: 0 });
    expect(await names()).to.deep.equal(['a', 'b']);

    writeFileSync(file, '_format_version: "3.0"\nservices:\n- {hots: a}\n');
    gate!.kill('SIGHUP');
    const { problems } = await next(/configuration is unchanged/);
    expect(problems).to.include(`${file}:3: services[1].hots: unknown field`);
    expect(await names()).to.deep.equal(['a', 'b']);
  });

  it('reads the certificate of the TLS listeners again: a valid one is used, a wrong one changes nothing', async () => {
    const files = { cert: join(directory, 'gate.crt'), key: join(directory, 'gate.key') };
    const install = (pair: { readonly cert: string; readonly key: string }) => {
      writeFileSync(files.cert, pair.cert);
      writeFileSync(files.key, pair.key, { mode: 0o600 });
    };
    install(a);
    const next = start({
      PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0 ssl',
      PORTCULLIS_SSL_CERT: files.cert,
      PORTCULLIS_SSL_CERT_KEY: files.key,
    });
    const { proxy } = (await next(/is ready/)) as { proxy: string[] };
    const served = () =>
      new Promise<unknown>((done, fail) => {
        const socket = connect({ port: Number(new URL(proxy[0]!).port), host: '127.0.0.1', rejectUnauthorized: false });
        socket.on('error', fail).on('secureConnect', () => {
          done(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        });
      });
    expect(await served()).to.equal('a.example');

    install(b);
    gate!.kill('SIGHUP');
    await next(/use a new certificate/);
    expect(await served()).to.equal('b.example');

    install({ cert: 'none', key: b.key });
    gate!.kill('SIGHUP');
    expect(JSON.stringify(await next(/could not be renewed/))).to.include('holds no certificate in PEM form');
    expect(await served()).to.equal('b.example');
  });
});

describe('portcullis export, read through a pipe', () => {
  it('is complete, however slowly it is read', async () => {
    const config = `# ${'x'.repeat(300_000)}\n# the end\n`;
    const admin = createServer((_, res) => res.end(JSON.stringify({ config })));
    await new Promise<void>((done) => admin.listen(0, '127.0.0.1', done));
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'portcullis.js');
    const { port } = admin.address() as AddressInfo;
    const words = ['export', '--admin-listen', `127.0.0.1:${port}`, '--store', 'memory:'];
    const command = spawn(process.execPath, [bin, ...words], {
      env: { PATH: process.env['PATH'], HOME: tmpdir() },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const exited = new Promise((done) => command.on('exit', done));
      let read = '';
      for await (const chunk of command.stdout) {
        read += chunk;
        await new Promise((turn) => setImmediate(turn));
      }
      expect(await exited).to.equal(0);
      expect(read).to.equal(config);
    } finally {
      command.kill();
      admin.closeAllConnections();
      admin.close();
    }
  });
});

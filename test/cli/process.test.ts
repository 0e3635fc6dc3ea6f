/** The command as users start it: a separate process, with real streams and signals. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'chai';

const root = join(import.meta.dirname, '..', '..');
const bin = join(root, 'bin', 'portcullis.js');

describe('The process', () => {
  let directory: string;
  const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portcullis-process-'));
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  function portcullis(words: readonly string[], env: Record<string, string> = {}, node: readonly string[] = []) {
    return started(process.execPath, [...node, bin, ...words], env);
  }

  /** Starts it without the settings of this process, and with all its files in `directory`. */
  function started(command: string, words: readonly string[], env: Record<string, string>) {
    const child = spawn(command, words, {
      cwd: root,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        TMPDIR: directory,
        PORTCULLIS_STATE_DIR: join(directory, 'state'),
        PORTCULLIS_KEY_FILE: join(directory, 'master.key'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const printed = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (printed.out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (printed.err += text));
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    return {
      printed,
      ended,
      /** Waits until the output matches. Throws if the process ends before. */
      async prints(what: RegExp): Promise<RegExpExecArray> {
        for (;;) {
          const found = what.exec(printed.out);
          if (found !== null) return found;
          const end = await Promise.race([once(child.stdout, 'data').then(() => undefined), ended]);
          if (end !== undefined)
            throw new Error(`exited with ${end} instead of printing ${what}: ${JSON.stringify(printed)}`);
        }
      },
      stop(signal: NodeJS.Signals): Promise<number | null> {
        child.kill(signal);
        return ended;
      },
    };
  }

  it('start: one line when it is ready, a status on the Admin port, 0 on SIGTERM', async () => {
    const env = { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0', PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0' };
    const gate = portcullis(['start'], env);
    const [line] = await gate.prints(/^.*is ready.*\n/m);
    const { proxy, admin } = JSON.parse(line) as { proxy: [string]; admin: [string] };
    expect((await fetch(`${admin[0]}/status`)).status).to.equal(200);
    expect((await fetch(`${proxy[0]}/nowhere`)).status).to.equal(404);
    expect(await gate.stop('SIGTERM')).to.equal(0);
    expect(gate.printed.err).to.equal('');
    expect(gate.printed.out.match(/is ready/g)).to.have.length(1);
  });

  it('npm start: a signal to npm reaches the gate, and leaves none behind', async () => {
    // npm gives the script to a shell and the signal to that shell.
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    const env = { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0', PORTCULLIS_ADMIN_LISTEN: 'off', PORTCULLIS_STORE: 'memory:' };
    const gate = started('sh', ['-c', scripts.start], env);
    const [, proxy] = await gate.prints(/proxy on (http:\S+?);/);
    expect(await gate.stop('SIGTERM')).to.equal(0);
    const refused = await fetch(proxy!).catch((error: Error) => error);
    expect(refused).to.be.instanceOf(TypeError);
  });

  it('start: keeps its entities, and makes its key and its certificate once', async () => {
    const env = { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0 ssl', PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0' };
    const start = async () => {
      const gate = portcullis(['start'], env);
      const [, admin] = await gate.prints(/Admin API on (http:\S+?)"/);
      return { gate, admin };
    };
    const first = await start();
    const body = JSON.stringify({ username: 'ada' });
    const headers = { 'Content-Type': 'application/json' };
    expect((await fetch(`${first.admin}/consumers`, { method: 'POST', headers, body })).status).to.equal(201);
    expect(await first.gate.stop('SIGINT')).to.equal(0);
    expect(first.gate.printed.out).to.include('made a master key');
    expect(await readdir(join(directory, 'state'))).to.have.members(['store', 'tls']);

    const second = await start();
    expect((await fetch(`${second.admin}/consumers/ada`)).status).to.equal(200);
    expect(await second.gate.stop('SIGTERM')).to.equal(0);
    expect(second.gate.printed.out).not.to.include('made a master key');
  });

  it('SE-02: start: exits with 1 after an uncaught error, and logs no secret of it', async () => {
    const secret = 'Zk3uQm9vXw7rTb5nYc1dHs8jLf4gPa2e';
    const breaks = `data:text/javascript,process.on("SIGUSR2",()=>{throw new Error("broken ${secret} Bearer x${secret}")})`;
    const env = { PORTCULLIS_PROXY_LISTEN: 'off', PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0', PORTCULLIS_STORE: 'memory:' };
    const gate = portcullis(['start'], { ...env, PORTCULLIS_ADMIN_TOKEN: secret }, ['--import', breaks]);
    await gate.prints(/is ready/);
    expect(await gate.stop('SIGUSR2')).to.equal(1);
    expect(gate.printed.out).to.include('the gate crashed').and.to.include('broken [redacted]');
    expect(gate.printed.out + gate.printed.err).not.to.include(secret);
  });

  it('start: prints a wrong setting on standard error, and exits with 2', async () => {
    const gate = portcullis(['start'], { PORTCULLIS_STROE: 'memory:' });
    expect(await gate.ended).to.equal(2);
    expect(gate.printed.out).to.equal('');
    expect(gate.printed.err).to.include('did you mean PORTCULLIS_STORE?');
  });

  it('start: names the setting of an address in use, and exits with 1', async () => {
    const other = await listening(createServer());
    const env = { PORTCULLIS_PROXY_LISTEN: `127.0.0.1:${portOf(other)}`, PORTCULLIS_STORE: 'memory:' };
    const gate = portcullis(['start', '--admin-listen', '127.0.0.1:0'], env);
    expect(await gate.ended).to.equal(1);
    expect(gate.printed.err).to.match(/\(PORTCULLIS_PROXY_LISTEN\) is in use by another program/);
    other.close();
  });

  it('demo --check: makes the three calls, checks the responses and exits', async () => {
    const demo = portcullis(['demo', '--check']);
    expect(await demo.ended).to.equal(0);
    expect(demo.printed.err).to.equal('');
    expect(demo.printed.out)
      .to.match(/401 Unauthorized[\s\S]*200 OK[\s\S]*"access_token"[\s\S]*200 OK[\s\S]*"orders"/)
      .and.match(/All three calls got the expected response\.\n$/);
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('demo: keeps running, ignores the settings of other gates, and leaves no files', async () => {
    const demo = portcullis(['demo'], { PORTCULLIS_STORE: 'mongodb://nowhere', PORTCULLIS_PROXY_LISTEN: '0.0.0.0:1' });
    await demo.prints(/The gate keeps running/);
    const [, url, token] = await demo.prints(/curl -i (\S+)[\\\s]+-H 'Authorization: (Bearer \S+)'/);
    expect((await fetch(url!)).status).to.equal(401);
    expect((await fetch(url!, { headers: { Authorization: token! } })).status).to.equal(200);
    expect(await demo.stop('SIGINT')).to.equal(0);
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('protect: a call needs a token; the client it registered gets one, after a restart too', async () => {
    const service = await listening(createServer((request, response) => response.end(`called ${request.url}`)));
    const words = ['protect', `http://127.0.0.1:${portOf(service)}/base`, '--port', '0'];
    const first = portcullis(words);
    const [, id, secret] = await first.prints(/client id\s+(\S+)\n\s*client secret\s+(\S+)/);
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    const headers = { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
    const call = async (gate: typeof first) => {
      const [, url] = await gate.prints(/curl -i (\S+)\/oauth2\/token/);
      const denied = await fetch(`${url}/orders`);
      const issued = await fetch(`${url}/oauth2/token`, { method: 'POST', headers, body: form });
      const { access_token: token } = (await issued.json()) as { access_token: string };
      const admitted = await fetch(`${url}/orders`, { headers: { Authorization: `Bearer ${token}` } });
      return [denied.status, issued.status, admitted.status, await admitted.text()];
    };
    expect(await call(first)).to.deep.equal([401, 200, 200, 'called /base/orders']);
    expect(await first.stop('SIGINT')).to.equal(0);

    const second = portcullis(words);
    await second.prints(/client secret\s+was shown/);
    expect(second.printed.out).to.include(id).and.not.to.include(secret);
    expect(await call(second)).to.deep.equal([401, 200, 200, 'called /base/orders']);
    expect(await second.stop('SIGTERM')).to.equal(0);

    const third = portcullis([...words, '--new-client']);
    const [, other] = await third.prints(/client id\s+(\S+)\n\s*client secret\s+(\S+)/);
    expect(other).not.to.equal(id);
    expect(await third.stop('SIGTERM')).to.equal(0);
    service.close();
  });

  it('says on an older Node which version it needs', async () => {
    const older =
      'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.5"}})';
    const { ended, printed } = portcullis(['demo', '--check'], {}, ['--import', older]);
    expect(await ended).to.equal(1);
    expect(printed.err).to.match(/^portcullis needs Node 22\.18 or newer; this is Node 20\.19\.5\.\n/);
    expect(printed.out).to.equal('');
  });
});

async function listening(server: Server): Promise<Server> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

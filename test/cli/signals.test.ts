/** Signals as operators send them. */
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { operatorSignals } from '../../adapters/cli/signals.ts';
import { bin, type GateProcess, soon, startGate } from '../support/gate-process.ts';

const scripts: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
).scripts;

/** The ways to start the command. */
const launches: Readonly<Record<string, { readonly command: string; readonly before: readonly string[] }>> = {
  portcullis: { command: bin, before: [] },
  'npm start': {
    command: 'sh',
    before: ['-c', scripts['start']!.replace('bin/portcullis.js start', `${bin} start`)],
  },
};

describe('Signals', function () {
  this.timeout(120_000);
  const gates: GateProcess[] = [];
  afterEach(async () => {
    await Promise.all(gates.splice(0).map((gate) => gate.cleanUp()));
  });

  async function started(how: Parameters<typeof startGate>[0] = {}): Promise<GateProcess> {
    const gate = await startGate(how);
    gates.push(gate);
    return gate;
  }

  it('that come before there is a listener are kept for it; each of several once', () => {
    const handlers = new Map<string, () => void>();
    const on = ((signal: string, handler: () => void) => void handlers.set(signal, handler)) as never;
    const onSignal = operatorSignals({ on });
    const seen: string[] = [];
    handlers.get('SIGHUP')!();
    handlers.get('SIGHUP')!();
    onSignal('SIGHUP', () => seen.push('hup'));
    onSignal('SIGUSR1', () => seen.push('usr1'));
    expect(seen).to.deep.equal(['hup']);
    handlers.get('SIGUSR1')!();
    handlers.get('SIGHUP')!();
    handlers.get('SIGUSR2')!();
    expect(seen).to.deep.equal(['hup', 'usr1', 'hup']);
  });

  for (const signal of ['SIGQUIT', 'SIGTERM', 'SIGINT'] as const) {
    it(`${signal} finishes the requests in flight and exits with 0`, async () => {
      const gate = await started();
      await gate.prints(/is ready/);
      gate.child.kill(signal);
      expect(await gate.ended).to.equal(0);
      expect(gate.printed.out).to.include('requests in flight may finish');
    });
  }

  const protect = { words: ['protect', 'http://127.0.0.1:9'], ready: /is behind/ };
  const demo = { words: ['demo'], ready: /The gate keeps running/ };
  const start = { words: ['start'], ready: /is ready/ };
  for (const [name, { words, ready }] of Object.entries({ start, demo, protect })) {
    it(`HUP, USR1 and USR2 end no ${name}, also without a file and a certificate, and are logged`, async () => {
      const gate = await started({ words });
      await gate.prints(ready);
      for (const [signal, line] of [
        ['SIGHUP', /there is no configuration file and no certificate to read again/],
        ['SIGUSR1', /SIGUSR1: there is no log file to open again/],
        ['SIGUSR2', /SIGUSR2 has no effect/],
      ] as const) {
        gate.child.kill(signal);
        await gate.prints(line);
      }
      gate.child.kill('SIGTERM');
      expect(await gate.ended).to.equal(0);
    });
  }

  it('HUP before the gate is ready does not end it', async () => {
    const gate = await started();
    const status = join('/proc', String(gate.child.pid), 'status');
    // Before Node has a handler, the default action of the system applies.
    while (!catches(status, 1)) await soon();
    let ready = false;
    void gate.prints(/is ready/).then(() => (ready = true));
    while (!ready) {
      gate.child.kill('SIGHUP');
      await soon();
    }
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
  });

  for (const [name, launch] of Object.entries(launches)) {
    it(`USR1 at once after the start by ${name} never opens a debugger`, async () => {
      let open = 0;
      let done = false;
      const watching = (async () => {
        while (!done) {
          if (await accepts(9229)) open++;
          await new Promise((next) => setImmediate(next));
        }
      })();
      const words = name === 'npm start' ? [] : ['start'];
      for (let round = 0; round < 5; round++) {
        const gate = await started({ ...launch, words });
        let ended = false;
        void gate.ended.then(() => (ended = true));
        // The first signals come while Node starts, the last ones when the gate is ready.
        for (let wait = round * 20; !ended && !/is ready/.test(gate.printed.out); wait = 5) {
          await new Promise((next) => setTimeout(next, wait));
          gate.child.kill('SIGUSR1');
        }
        gate.child.kill('SIGUSR1');
        await soon();
        expect(gate.printed.err).not.to.include('Debugger listening');
        await gate.cleanUp();
      }
      done = true;
      await watching;
      expect(open).to.equal(0);
    });
  }

  it('USR1 opens no debugger where the command was started as node bin/portcullis.js', async () => {
    const gate = await started({ command: process.execPath, before: [bin] });
    await gate.prints(/is ready/);
    gate.child.kill('SIGUSR1');
    await gate.prints(/SIGUSR1: there is no log file/);
    expect(readFileSync(`/proc/${gate.child.pid}/cmdline`, 'utf8')).to.include('--inspect-port=192.0.2.1:9229');
    expect(gate.printed.err).not.to.include('Debugger listening');
  });

  it('USR1 opens the log file again', async () => {
    const gate = await started({ env: { PORTCULLIS_LOG_FILE: 'gate.log' } });
    const file = join(gate.directory, 'gate.log');
    await gate.ready();
    expect(gate.printed.out).to.equal('');
    renameSync(file, `${file}.1`);
    gate.child.kill('SIGUSR1');
    for (;;) {
      const text = await textOf(file);
      if (/SIGUSR1: the log file was opened again/.test(text)) break;
      await soon();
    }
    expect(readFileSync(`${file}.1`, 'utf8')).to.include('is ready');
    expect((await fetch(`${gate.proxy}/nowhere`)).status).to.equal(404);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
    expect(readFileSync(file, 'utf8')).to.include('/nowhere');
  });

  describe('TERM', () => {
    it('exits when the last response has ended, also with half of a request at the Admin API', async () => {
      let begun = 0;
      const finishing: (() => void)[] = [];
      const upstream = createServer((_, response) => {
        response.writeHead(200, { 'Content-Length': '8' });
        response.write('half');
        begun++;
        finishing.push(() => response.end('half'));
      });
      await once(upstream.listen(0, '127.0.0.1'), 'listening');
      try {
        // A gate that waited for its drain limit would not end within the time limit of this test.
        const gate = await started({ env: { PORTCULLIS_DRAIN_LIMIT: '3600' } });
        await gate.ready();
        const post = async (path: string, body: object) => {
          const headers = { 'Content-Type': 'application/json' };
          const response = await fetch(gate.admin + path, { method: 'POST', headers, body: JSON.stringify(body) });
          expect(response.status).to.equal(201);
        };
        await post('/services', { name: 's', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` });
        await post('/services/s/routes', { paths: ['/'] });

        const responses = await Promise.all(Array.from({ length: 5 }, () => fetch(gate.proxy)));
        expect(begun).to.equal(5);
        const half = connect(Number(new URL(gate.admin).port), '127.0.0.1');
        half.on('error', () => {});
        half.write('POST /consumers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nuserna');
        const head = connect(Number(new URL(gate.admin).port), '127.0.0.1');
        head.on('error', () => {});
        head.write('GET / HT');
        await Promise.all([once(half, 'connect'), once(head, 'connect')]);

        gate.child.kill('SIGTERM');
        await gate.prints(/requests in flight may finish/);
        while (await accepts(Number(new URL(gate.proxy).port))) await soon();
        for (const finish of finishing) finish();
        expect(await Promise.all(responses.map((response) => response.text()))).to.deep.equal(
          Array.from({ length: 5 }, () => 'halfhalf'),
        );
        expect(await gate.ended).to.equal(0);
      } finally {
        upstream.closeAllConnections();
        upstream.close();
      }
    });
  });

  it('a HUP without a file reads the certificate again', async () => {
    const gate = await started({ env: { PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0 ssl' } });
    await gate.prints(/is ready/);
    writeFileSync(join(gate.directory, 'tls', 'portcullis.crt'), 'broken');
    gate.child.kill('SIGHUP');
    await gate.prints(/use a new certificate/);
    gate.child.kill('SIGTERM');
    expect(await gate.ended).to.equal(0);
  });
});

/** Whether the process has a handler for a signal (proc_pid_status(5), SigCgt). */
function catches(status: string, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(status, 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function textOf(file: string): Promise<string> {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

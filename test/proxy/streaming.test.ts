import { fork } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { expect } from 'chai';
import { closeLater, closesEverything, httpUpstream } from './world.ts';

const megabyte = 1024 * 1024;
const length = 100 * megabyte;

describe('Bodies', () => {
  closesEverything();

  it('of any length pass in both directions at once, without buffering: 100 MB do not grow the memory', async function () {
    this.timeout(60_000);
    // An echo that limits its own pace.
    const upstream = await httpUpstream((incoming, response) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      incoming.pipe(response);
    });
    const gate = fork(new URL('./gate-in-a-process.ts', import.meta.url), [String(upstream)], { stdio: 'inherit' });
    closeLater(() => gate.disconnect());
    const [{ port }] = (await once(gate, 'message')) as [{ port: number }];
    const memory = async (): Promise<{ now: number; most: number }> => {
      gate.send('memory');
      return ((await once(gate, 'message')) as [{ now: number; most: number }])[0];
    };

    // After this, the engine has allocated what it keeps.
    await pass(port, 50 * megabyte);
    const before = await memory();
    const received = await pass(port, length);
    const after = await memory();
    expect(received).to.deep.equal({ status: 200, bytes: length });
    // Buffered, it would be all of it, in each direction. Garbage not yet collected on a busy machine is far less than half.
    expect(Math.max(after.most, after.now) - before.now).to.be.lessThan(length / 2);
  });

  /** Sends `bytes` bytes in chunks and reads the echo, sometimes more slowly than it sends. */
  async function pass(port: number, bytes: number): Promise<{ status: number; bytes: number }> {
    const asking = request({ port, host: '127.0.0.1', method: 'POST', path: '/' });
    const piece = Buffer.alloc(65_536, 'x');
    const sending = (async () => {
      for (let sent = 0; sent < bytes; sent += piece.length) {
        if (!asking.write(piece)) await once(asking, 'drain');
      }
      asking.end();
    })();
    const [response] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
    let received = 0;
    let pieces = 0;
    for await (const part of response) {
      received += (part as Buffer).length;
      if (++pieces % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await sending;
    return { status: response.statusCode!, bytes: received };
  }
});

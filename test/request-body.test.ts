import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { readBody } from '../adapters/request-body.ts';
import { listening } from './transports/listening.ts';

describe('A request body up to a limit', () => {
  const limit = 100_000;
  let server: Awaited<ReturnType<typeof listening>>;
  let reads: Promise<Buffer | 'late' | undefined>[];

  beforeEach(async () => {
    reads = [];
    server = await listening(
      createServer(async (incoming, response) => {
        const read = readBody(incoming, incoming.headers['content-length'], { size: limit });
        reads.push(read);
        response.end(
          String(
            await read.then(
              (body) => body?.length,
              () => 'failed',
            ),
          ),
        );
      }),
    );
  });
  afterEach(() => server.close());

  /** Sends the pieces in chunks, without Content-Length. */
  async function send(...pieces: string[]): Promise<string> {
    const sent = request({ port: server.port, method: 'POST' });
    for (const piece of pieces) sent.write(piece);
    sent.end();
    const [[response]] = (await Promise.all([once(sent, 'response'), once(sent, 'finish')])) as [
      [IncomingMessage],
      unknown,
    ];
    return (await response.setEncoding('utf8').toArray()).join('');
  }

  it('is read whole if it has exactly the limit', async () => {
    expect(await send('a'.repeat(60_000), 'b'.repeat(40_000))).to.equal('100000');
  });

  it('is empty where the request has none', async () => {
    expect(await (await fetch(`http://127.0.0.1:${server.port}`)).text()).to.equal('0');
  });

  it('one byte more is too long, and a client that sends all of it still reads the response', async () => {
    expect(await send('a'.repeat(100_000), 'b')).to.equal('undefined');
    expect(await send(...Array.from({ length: 100 }, () => 'a'.repeat(100_000)))).to.equal('undefined');
  });

  it('the Content-Length alone tells that it is too long', async () => {
    expect(await readBody(null, '100001', { size: limit })).to.equal(undefined);
    expect(await readBody(null, '100000', { size: limit })).to.have.length(0);
  });

  it('a client that disconnects makes the read fail', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf');
    while (reads.length === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    const failed = await reads[0]!.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).to.be.instanceOf(Error);
  });

  it('a stream of the Fetch API is cancelled where it is too long', async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(30_000)),
      cancel: () => {
        cancelled = true;
      },
    });
    expect(await readBody(stream, null, { size: limit })).to.equal(undefined);
    expect(cancelled).to.equal(true);
  });

  it('a body that stops to arrive is late: of a Node stream, and of the Fetch API', async () => {
    const half = new Readable({ read: () => undefined });
    half.push('half');
    expect(await readBody(half, '10', { size: limit, time: 20 })).to.equal('late');
    const stream = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from('half')) });
    expect(await readBody(stream, '10', { size: limit, time: 20 })).to.equal('late');
  });

  it('the time is counted from piece to piece: a slow body that goes on is read whole', async () => {
    const slow = Readable.from(
      (async function* () {
        for (let piece = 0; piece < 10; piece++) {
          yield 'a';
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })(),
      { objectMode: false },
    );
    expect(await readBody(slow, null, { size: limit, time: 400 })).to.have.length(10);
  });
});

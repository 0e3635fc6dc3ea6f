import { connect } from 'node:net';
import { expect } from 'chai';
import { openAdmin } from '../../adapters/admin/open-admin.ts';
import { gate } from './gate.ts';

describe('The listeners of the Admin API', () => {
  it('serve it at each address until they are closed', async () => {
    const { options, close } = await gate();
    await close();
    const failed = (): void => undefined;
    const opened = await openAdmin(
      [
        { host: '127.0.0.1', port: 0 },
        { host: '127.0.0.1', port: 0 },
      ],
      { ...options, failed },
    );
    try {
      expect(opened.addresses).to.have.length(2);
      for (const { port } of opened.addresses) {
        expect(await status(port, 'GET /services HTTP/1.1')).to.equal(200);
        expect(await status(port, 'FOO /services HTTP/1.1')).to.equal(405);
      }
    } finally {
      await opened.close();
    }
    for (const { port } of opened.addresses) expect(await status(port, 'GET / HTTP/1.1')).to.equal(undefined);
  });

  it('fail if one address is in use, and leave none open', async () => {
    const held = await gate();
    const failed = (): void => undefined;
    const twice = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: held.port },
    ];
    try {
      await openAdmin(twice, { ...held.options, failed });
      expect.fail('the address is held');
    } catch (error) {
      expect(error).to.have.property('code', 'EADDRINUSE');
    } finally {
      await held.close();
    }
  });
});

function status(port: number, line: string): Promise<number | undefined> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => done(undefined));
    socket.on('close', () => done(text === '' ? undefined : Number(text.split(' ')[1])));
  });
}

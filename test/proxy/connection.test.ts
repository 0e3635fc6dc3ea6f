import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { Deadlines } from '../../adapters/deadlines.ts';
import { ClientConnection, type QueuedRequest } from '../../adapters/proxy/listener/connection.ts';

describe('The idle limit of a client connection', () => {
  const world = () => {
    const socket = Object.assign(new EventEmitter(), { bytesRead: 0, destroyed: false, destroy: () => {} });
    socket.destroy = () => {
      socket.destroyed = true;
      socket.emit('close');
    };
    const connection = new ClientConnection(socket as unknown as Socket, () => false);
    connection.limitIdle({ deadlines: new Deadlines(), milliseconds: 60_000 });
    const request: QueuedRequest = { begin: () => {}, closed: () => {} };
    const send = () => {
      socket.bytesRead += 100;
      connection.enqueue(request);
    };
    const isLimited = () => Number.isFinite(connection.deadline);
    return { socket, connection, send, complete: () => connection.completed(request), isLimited };
  };

  it('does not apply while a request is in progress', () => {
    const { socket, connection, send, complete, isLimited } = world();
    send();
    complete();
    send();
    expect(isLimited()).to.equal(false);
    connection.expired();
    expect(socket.destroyed).to.equal(false);
    socket.destroy();
  });

  it('closes the connection when nothing arrived since the last response', () => {
    const { socket, connection, send, complete, isLimited } = world();
    send();
    complete();
    expect(isLimited()).to.equal(true);
    connection.expired();
    expect(socket.destroyed).to.equal(true);
    expect(connection.deadlineAt, 'its time limit is removed').to.equal(-1);
  });

  it('starts again when a part of a request has arrived, and closes the connection when no more of it arrives', () => {
    const { socket, connection, send, complete, isLimited } = world();
    send();
    complete();
    socket.bytesRead += 10;
    connection.deadline = Number.POSITIVE_INFINITY;
    connection.expired();
    expect([socket.destroyed, isLimited()]).to.deep.equal([false, true]);
    connection.expired();
    expect(socket.destroyed).to.equal(true);
  });
});

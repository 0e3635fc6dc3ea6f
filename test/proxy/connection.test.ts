import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { Deadlines } from '../../adapters/proxy/deadlines.ts';
import { ClientConnection, type Turn } from '../../adapters/proxy/listener/connection.ts';

describe('A connection of a client that is limited in its idleness', () => {
  const laid = () => {
    const socket = Object.assign(new EventEmitter(), { bytesRead: 0, destroyed: false, destroy: () => {} });
    socket.destroy = () => {
      socket.destroyed = true;
      socket.emit('close');
    };
    const connection = new ClientConnection(socket as unknown as Socket, () => false);
    connection.limitIdle({ deadlines: new Deadlines(), milliseconds: 60_000 });
    const turn: Turn = { begin: () => {}, closed: () => {} };
    const ask = () => {
      socket.bytesRead += 100;
      connection.enqueue(turn);
    };
    const isLimited = () => Number.isFinite(connection.deadline);
    return { socket, connection, ask, answered: () => connection.next(turn), isLimited };
  };

  it('is not ended while a request waits for its answer', () => {
    const { socket, connection, ask, answered, isLimited } = laid();
    ask();
    answered();
    ask();
    expect(isLimited()).to.equal(false);
    connection.expired();
    expect(socket.destroyed).to.equal(false);
    socket.destroy();
  });

  it('is ended when nothing came since the last answer', () => {
    const { socket, connection, ask, answered, isLimited } = laid();
    ask();
    answered();
    expect(isLimited()).to.equal(true);
    connection.expired();
    expect(socket.destroyed).to.equal(true);
    expect(connection.deadlineAt, 'nothing is kept of it').to.equal(-1);
  });

  it('is given as long again where a part of a request has come, and ended when no more of it comes', () => {
    const { socket, connection, ask, answered, isLimited } = laid();
    ask();
    answered();
    socket.bytesRead += 10;
    connection.deadline = Number.POSITIVE_INFINITY;
    connection.expired();
    expect([socket.destroyed, isLimited()]).to.deep.equal([false, true]);
    connection.expired();
    expect(socket.destroyed).to.equal(true);
  });
});

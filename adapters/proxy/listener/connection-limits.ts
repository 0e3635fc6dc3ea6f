/**
 * Limits open connections, in total and from one address. A connection beyond a limit may send one request, and gets a 503;
 * only where too many of those are open, further ones are closed at once.
 */
import type { Socket } from 'node:net';
import { hostNetwork, parseIpAddress } from '../../../src/address/ip-address.ts';
import { Budget, type Budgets } from '../../../src/records/budget.ts';
import type { RequestProblem } from '../incoming.ts';

export class ConnectionLimits {
  readonly #budgets: Pick<Budgets, 'connections' | 'connectionsPerAddress'>;
  /** A trusted proxy carries the connections of many clients, so it has no limit per address. */
  readonly #trusts: (address: string) => boolean;
  /** Connections that only get a 503. */
  readonly #refused = new Map<string, RequestProblem>();
  readonly #places = new Budget(mostRefused);

  constructor(budgets: Pick<Budgets, 'connections' | 'connectionsPerAddress'>, trusts: (address: string) => boolean) {
    this.#budgets = budgets;
    this.#trusts = trusts;
  }

  /** A new connection. It is counted until it is closed. */
  opened(socket: Socket): void {
    const { connections, connectionsPerAddress } = this.#budgets;
    const problem = this.#take(socket, connections, connectionsPerAddress);
    if (problem === undefined) return;
    if (!this.#places.take(1)) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    this.#refused.set(key, problem);
    socket.on('close', () => {
      this.#refused.delete(key);
      this.#places.release(1);
    });
  }

  /** Why a connection only gets a 503. Over TLS, the socket is another one than that of `opened`. */
  problemOf(socket: Socket): RequestProblem | undefined {
    return this.#refused.size === 0 ? undefined : this.#refused.get(keyOf(socket));
  }

  #take(
    socket: Socket,
    connections: Budgets['connections'],
    perAddress: Budgets['connectionsPerAddress'],
  ): RequestProblem | undefined {
    const peer = parseIpAddress(socket.remoteAddress ?? '');
    const network = peer === undefined || this.#trusts(peer) ? undefined : hostNetwork(peer);
    if (network !== undefined && !perAddress.take(network)) return tooManyFromAddress;
    if (!connections.take(1)) {
      if (network !== undefined) perAddress.release(network);
      return tooManyConnections;
    }
    socket.on('close', () => {
      connections.release(1);
      if (network !== undefined) perAddress.release(network);
    });
    return undefined;
  }
}

/** Connections beyond the limit that are open at once. */
const mostRefused = 64;

const keyOf = ({ remoteAddress, remotePort, localPort }: Socket) => `${remoteAddress} ${remotePort} ${localPort}`;

const tooManyConnections: RequestProblem = {
  status: 503,
  message: 'The gate has too many connections; try again',
  refusal: 'connections_full',
  retryAfter: 1,
};
const tooManyFromAddress: RequestProblem = {
  status: 503,
  message: 'Too many connections from this address; close some, and try again',
  refusal: 'connections_from_address_full',
  retryAfter: 1,
};

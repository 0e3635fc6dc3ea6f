/** A pool for one test, and a receiver that notes each call. */
import { Deadlines } from '../../adapters/deadlines.ts';
import type { ResponseReceiver, UpstreamFailure } from '../../adapters/upstream/connection.ts';
import type { UpstreamHead } from '../../adapters/upstream/head.ts';
import { UpstreamPool } from '../../adapters/upstream/pool.ts';
import type { UpstreamSettings } from '../../adapters/upstream/socket.ts';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';
import { closeLater, plainService } from '../support/scripted-upstream.ts';

export class Receiver implements ResponseReceiver {
  readonly toHead: boolean;
  readonly requestSent: boolean;
  readonly isRepeatable: boolean;
  readonly calls: string[] = [];
  failure: UpstreamFailure | undefined;
  readonly #received: (bytes: Buffer) => void;

  constructor(
    request: { readonly toHead?: boolean; readonly requestSent?: boolean; readonly isRepeatable?: boolean } = {},
    received: (bytes: Buffer) => void = () => {},
  ) {
    this.toHead = request.toHead ?? false;
    this.requestSent = request.requestSent ?? true;
    this.isRepeatable = request.isRepeatable ?? true;
    this.#received = received;
  }

  connected(): void {}
  drained(): void {}
  interimResponseReceived(): void {}
  responseHeadReceived(head: UpstreamHead, whole: string | undefined): void {
    this.calls.push(`${head.status}`);
    if (whole !== undefined) this.calls.push(whole, 'finished');
  }
  responseBodyReceived(bytes: Buffer): void {
    this.calls.push(bytes.toString());
    this.#received(bytes);
  }
  responseEnded(): void {
    this.calls.push('finished');
  }
  failed(failure: UpstreamFailure): void {
    this.failure = failure;
    this.calls.push('failed');
  }
  expired(): void {
    this.calls.push('expired');
  }
}

/** A pool, and the origin of an upstream on a port of loopback. */
export function poolOf(port: number, service: Partial<UpstreamService> = {}, settings: Partial<UpstreamSettings> = {}) {
  const pool = new UpstreamPool(
    {
      tlsVerify: false,
      ca: undefined,
      idleLimit: 10,
      idleTimeout: 60_000,
      requestLimit: 0,
      lookup: undefined,
      ...settings,
    },
    new Deadlines(),
  );
  closeLater(() => pool.destroy());
  const called = { ...plainService, port, ...service };
  return { pool, service: called, origin: pool.origin(called, undefined) };
}

import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { type BearerInterceptorOptions, bearerInterceptor, bearerOf } from '../../adapters/grpc/grpc.ts';
import type { Gate } from '../../adapters/library/create-gate.ts';
import type { CallOutcome, Transport } from './scenarios.ts';

/** A message of this test: any JSON. */
export type Message = Readonly<Record<string, unknown>>;
const serialize = (message: Message): Buffer => Buffer.from(JSON.stringify(message));
const deserialize = (bytes: Buffer): Message => JSON.parse(bytes.toString()) as Message;

const shape = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
});

export const orders = {
  one: shape('/orders.Orders/One', false, false),
  list: shape('/orders.Orders/List', false, true),
  sum: shape('/orders.Orders/Sum', true, false),
  talk: shape('/orders.Orders/Talk', true, true),
} as const;

export interface GrpcWorld {
  readonly client: Client;
  readonly port: number;
  readonly handled: () => number;
  close(): void;
}

export async function openGrpc(
  gate: Gate,
  options: BearerInterceptorOptions = { scopes: ['read'] },
): Promise<GrpcWorld> {
  let handled = 0;
  const server = new Server({ interceptors: [bearerInterceptor(gate, options)] });
  server.addService(orders, {
    one(call: { readonly metadata: Metadata }, respond: (error: null, message: Message) => void) {
      handled++;
      respond(null, { subject: bearerOf(call).grant.subject });
    },
    list(call: { readonly metadata: Metadata; write(message: Message): void; end(): void }) {
      handled++;
      for (const n of [1, 2, 3]) call.write({ n, subject: bearerOf(call).grant.subject });
      call.end();
    },
    async sum(
      call: AsyncIterable<Message> & { readonly metadata: Metadata },
      respond: (error: null, message: Message) => void,
    ) {
      handled++;
      let sum = 0;
      for await (const { n } of call) sum += Number(n);
      respond(null, { sum, subject: bearerOf(call).grant.subject });
    },
    talk(call: ServerDuplexStream<Message, Message>) {
      handled++;
      call.on('data', ({ n }: Message) => call.write({ n, subject: bearerOf(call).grant.subject }));
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    client,
    port,
    handled: () => handled,
    close() {
      client.close();
      server.forceShutdown();
    },
  };
}

export function metadataOf(authorization: string | undefined): Metadata {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return metadata;
}

/** A gRPC server, and a client of grpc-js. */
export const grpc: Transport = {
  name: 'gRPC, with @grpc/grpc-js',
  async open(gate, onError) {
    const world = await openGrpc(gate, { scopes: ['read'], onError });
    return {
      get handled() {
        return world.handled();
      },
      call: (authorization) =>
        new Promise<CallOutcome>((resolve) => {
          world.client.makeUnaryRequest(
            orders.one.path,
            serialize,
            deserialize,
            { n: 1 },
            metadataOf(authorization),
            (error, message) =>
              resolve(
                error === null ? { outcome: 'passed', subject: message?.['subject'] as string } : outcomeOf(error),
              ),
          );
        }),
      close: async () => world.close(),
    };
  },
};

export function outcomeOf({ code, details, metadata }: ServiceError): CallOutcome {
  const outcome = (
    {
      [status.UNAUTHENTICATED]: 'unauthenticated',
      [status.PERMISSION_DENIED]: 'forbidden',
      [status.UNAVAILABLE]: 'unavailable',
    } as const
  )[code as number];
  if (outcome === undefined) throw new Error(`responded with ${status[code]}: ${details}`);
  return { outcome, message: details, challenge: metadata.get('www-authenticate')[0]?.toString() };
}

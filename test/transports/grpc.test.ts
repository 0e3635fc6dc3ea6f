import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import {
  type CallOptions,
  InterceptingCall,
  type InterceptorOptions,
  Metadata,
  type NextCall,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import { bearerInterceptor, bearerOf } from '../../adapters/grpc/grpc.ts';
import { InvalidOption } from '../../adapters/library/options.ts';
import { memoryStore, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { type GrpcWorld, type Message, metadataOf, openGrpc, orders, outcomeOf } from './grpc.ts';
import { heldStore } from './held-store.ts';

type Shape = (typeof orders)[keyof typeof orders];

describe('the gate in a gRPC server', () => {
  const gate = testGate({ scopes: ['read', 'write'] });
  let world: GrpcWorld;
  before(async () => {
    world = await openGrpc(gate);
  });
  after(() => world.close());
  const good = async () => `Bearer ${await tokenFor(gate, { scopes: ['read'], subject: 'alice' })}`;

  describe('admits streams like single calls, and the handler receives the subject of the token', () => {
    it('of messages from the server', async () => {
      expect(await fromServer(world, metadataOf(await good()))).to.deep.equal(
        [1, 2, 3].map((n) => ({ n, subject: 'alice' })),
      );
    });
    it('of messages from the client', async () => {
      expect(await fromClient(world, metadataOf(await good()))).to.deep.equal({ sum: 6, subject: 'alice' });
    });
    it('of messages both ways', async () => {
      expect(await bothWays(world, metadataOf(await good()))).to.deep.equal(
        [1, 2, 3].map((n) => ({ n, subject: 'alice' })),
      );
    });
  });

  describe('denies streams before their handler runs', () => {
    for (const [name, call] of Object.entries({ fromServer, fromClient, bothWays })) {
      it(name, async () => {
        const before = world.handled();
        const error = await failureOf(call(world, metadataOf('Bearer unknown')));
        expect(outcomeOf(error)).to.include({ outcome: 'unauthenticated' });
        expect(world.handled()).to.equal(before);
      });
    }
  });

  it('loses no message while a slow store is read', async () => {
    const store = memoryStore();
    const grants = {
      ...store.grants,
      byAccessToken: async (token: string) => {
        await new Promise((resolve) => setImmediate(resolve));
        return store.grants.byAccessToken(token);
      },
    };
    const slow = testGate({ store: { ...store, grants } });
    const slowWorld = await openGrpc(slow, {});
    const metadata = metadataOf(`Bearer ${await tokenFor(slow, { subject: 'bob' })}`);
    expect(await fromClient(slowWorld, metadata)).to.deep.equal({ sum: 6, subject: 'bob' });
    expect(await bothWays(slowWorld, metadata)).to.have.length(3);
    slowWorld.close();
  });

  it('a call that is cancelled while the store is read reaches no handler', async () => {
    const { store, reached, release } = heldStore();
    const slow = testGate({ store });
    const slowWorld = await openGrpc(slow, {});
    const token = await tokenFor(slow);
    const failed = new Promise<ServiceError>((resolve) => {
      const { path, requestSerialize, responseDeserialize } = orders.one;
      const metadata = metadataOf(`Bearer ${token}`);
      const call = slowWorld.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        metadata,
        (error) => resolve(error as ServiceError),
      );
      void reached.then(() => call.cancel());
    });
    expect((await failed).code).to.equal(status.CANCELLED);
    // A later call on the same connection completes only after the server has received the cancellation.
    expect(await fromClient(slowWorld, metadataOf(`Bearer ${token}`))).to.have.property('sum', 6);
    release();
    expect(await fromClient(slowWorld, metadataOf(`Bearer ${token}`))).to.have.property('sum', 6);
    expect(slowWorld.handled()).to.equal(2);
    slowWorld.close();
  });

  it('RS-19: a refusal is HTTP 200 with trailers only, and a grpc-message that is percent-encoded', async () => {
    const missing = await rawCall(world.port, {});
    expect(missing.headers).to.include({ ':status': 200, 'grpc-status': '16' });
    expect(missing.headers['grpc-message']).to.equal('The%20access%20token%20is%20missing');
    expect(missing.headers['www-authenticate']).to.equal('Bearer scope="read"');
    expect(missing.isWhole, 'trailers only').to.equal(true);

    const token = await tokenFor(gate, { scopes: ['write'] });
    const narrow = await rawCall(world.port, { authorization: `Bearer ${token}` });
    expect(narrow.headers).to.include({ ':status': 200, 'grpc-status': '7' });
    expect(narrow.isWhole).to.equal(true);
  });

  it('RS-19: a token in authorization-bin does not count', async () => {
    const metadata = new Metadata();
    metadata.set('authorization-bin', Buffer.from(await good()));
    expect(outcomeOf(await failureOf(fromServer(world, metadata)))).to.include({ outcome: 'unauthenticated' });
  });

  it('RS-02, RS-19: authorization-bin next to a valid token is denied', async () => {
    const metadata = metadataOf(await good());
    metadata.set('authorization-bin', Buffer.from('Bearer another'));
    const outcome = outcomeOf(await failureOf(fromServer(world, metadata)));
    expect(outcome).to.include({ outcome: 'unauthenticated' });
    expect(outcome.challenge).to.include('error="invalid_request"');
  });

  it('RS-02, RS-19: two tokens in one field are denied', async () => {
    const metadata = metadataOf(`${await good()}, ${await good()}`);
    expect(outcomeOf(await failureOf(fromServer(world, metadata)))).to.include({ outcome: 'unauthenticated' });
  });

  it('guards a server that a framework makes of channelOptions, as NestJS does', async () => {
    // The server of a NestJS microservice receives `options.channelOptions`, and nothing else of `options`.
    const started = async (options: { interceptors?: unknown[]; channelOptions?: Record<string, unknown> }) => {
      const server = new Server({ ...options.channelOptions });
      server.addService(
        { one: orders.one },
        { one: (_call: unknown, respond: (e: null, m: Message) => void) => respond(null, {}) },
      );
      const port = await new Promise<number>((resolve) =>
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
      );
      const { headers } = await rawCall(port, {});
      server.forceShutdown();
      return headers['grpc-status'];
    };
    const interceptors = [bearerInterceptor(gate)];
    expect(await started({ channelOptions: { interceptors } })).to.equal('16');
    expect(await started({ interceptors }), 'in the wrong place').not.to.equal('16');
  });

  it('RS-02, RS-19: two fields are denied, from the first call of a server on', async () => {
    const authorization = await good();
    for (let n = 0; n < 2; n++) {
      const own = await openGrpc(gate);
      for (const values of [
        [authorization, authorization],
        [authorization, 'Bearer another'],
        ['Basic YTpi', authorization],
        [authorization, authorization, authorization],
      ]) {
        const { headers } = await rawCall(
          own.port,
          values.flatMap((value) => ['authorization', value]),
        );
        expect(headers, String(values.length)).to.include({ 'grpc-status': '16' });
        expect(headers['www-authenticate']).to.include('error="invalid_request"');
      }
      expect(own.handled()).to.equal(0);
      expect(await fromServer(own, metadataOf(authorization)), 'the next call').to.have.length(3);
      own.close();
    }
  });

  it('RS-02, RS-19: two fields, as another interceptor may make them, are denied', async () => {
    const authorization = await good();
    const interceptor = bearerInterceptor(gate);
    const metadata = metadataOf(authorization);
    metadata.add('authorization', authorization);
    const received = await new Promise<unknown>((resolve) => {
      const call = {
        start: (listener: { onReceiveMetadata(metadata: Metadata): void }) => listener.onReceiveMetadata(metadata),
      };
      const nextCall = { ...call, sendStatus: resolve };
      interceptor({ path: orders.one.path } as never, nextCall as never).start({
        onReceiveMetadata: () => resolve('passed'),
      } as never);
    });
    expect(received).to.include({ code: status.UNAUTHENTICATED });
  });

  it('scopes can be a function of the path of the method', async () => {
    const asked: string[] = [];
    const own = await openGrpc(gate, {
      scopes(path) {
        asked.push(path);
        return path === orders.sum.path ? ['write'] : [];
      },
    });
    const metadata = metadataOf(await good());
    expect(await fromServer(own, metadata)).to.have.length(3);
    expect(outcomeOf(await failureOf(fromClient(own, metadata)))).to.include({ outcome: 'forbidden' });
    expect(asked).to.deep.equal([orders.list.path, orders.sum.path]);
    own.close();
  });

  it('a method in except needs no token, and its call has no bearer', async () => {
    const own = await openGrpc(gate, { except: [orders.one.path] });
    // Its handler calls bearerOf all the same, a bug that grpc-js reports as UNKNOWN.
    const error = await failureOf(single(own, new Metadata()));
    expect(error.code).to.equal(status.UNKNOWN);
    expect(own.handled()).to.equal(1);
    expect(outcomeOf(await failureOf(fromServer(own, new Metadata())))).to.include({ outcome: 'unauthenticated' });
    own.close();
  });

  it('a client can set the token with its own interceptor', async () => {
    const authorization = await good();
    const withToken = (options: InterceptorOptions, nextCall: NextCall) =>
      new InterceptingCall(nextCall(options), {
        start(metadata, listener, next) {
          metadata.set('authorization', authorization);
          next(metadata, listener);
        },
      });
    const message = await single(world, new Metadata(), { interceptors: [withToken] });
    expect(message).to.deep.equal({ subject: 'alice' });
  });

  it('a wrong option throws when the server is built', () => {
    expect(() => bearerInterceptor(gate, { scope: ['read'] } as never)).to.throw(InvalidOption, 'did you mean scopes?');
    expect(() => bearerInterceptor(gate, { except: ['Check'] })).to.throw(
      InvalidOption,
      '/grpc.health.v1.Health/Check',
    );
    expect(() => bearerInterceptor(gate, { scopes: [''] })).to.throw(InvalidOption, 'scopes');
    expect(() => bearerOf({ metadata: new Metadata() })).to.throw('did not pass bearerInterceptor');
  });
});

function single({ client }: GrpcWorld, metadata: Metadata, options: CallOptions = {}): Promise<Message | undefined> {
  const { path, requestSerialize, responseDeserialize } = orders.one;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, options, (error, message) =>
      error === null ? resolve(message) : reject(error),
    );
  });
}

async function fromServer({ client }: GrpcWorld, metadata: Metadata): Promise<readonly Message[]> {
  const { path, requestSerialize, responseDeserialize } = orders.list;
  return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, metadata).toArray();
}

function fromClient({ client }: GrpcWorld, metadata: Metadata): Promise<Message | undefined> {
  const { path, requestSerialize, responseDeserialize } = orders.sum;
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
      (error, message) => (error === null ? resolve(message) : reject(error)),
    );
    sendThree(call);
  });
}

async function bothWays({ client }: GrpcWorld, metadata: Metadata): Promise<readonly Message[]> {
  const { path, requestSerialize, responseDeserialize } = orders.talk;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  sendThree(call);
  return call.toArray();
}

function sendThree(call: { write(message: Message): void; end(): void }): void {
  for (const n of [1, 2, 3]) call.write({ n });
  call.end();
}

function failureOf(called: Promise<unknown>): Promise<ServiceError> {
  return called.then(
    () => expect.fail('the call went through'),
    (error: ServiceError) => error,
  );
}

/** A call without a gRPC library, to read the frames themselves. */
async function rawCall(
  port: number,
  headers: Record<string, string> | readonly string[],
  shape: Shape = orders.one,
): Promise<{ readonly headers: IncomingHttpHeaders; readonly isWhole: boolean }> {
  // Node's client refuses to repeat a field that has one value, unless this option is set.
  const session = connect(`http://127.0.0.1:${port}`, { ...({ strictSingleValueFields: false } as object) });
  const own = [':method', 'POST', ':path', shape.path, 'content-type', 'application/grpc', 'te', 'trailers'];
  const fields = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  const stream = session.request([...own, ...fields]);
  stream.end(Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]));
  let hasMore = false;
  stream.on('data', () => {
    hasMore = true;
  });
  stream.on('trailers', () => {
    hasMore = true;
  });
  const [responded] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await once(stream, 'close');
  session.close();
  return { headers: responded, isWhole: !hasMore };
}

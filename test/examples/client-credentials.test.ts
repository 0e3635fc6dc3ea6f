import { createServer } from 'node:http';
import { expect } from 'chai';
import { guardedFetch } from '../../examples/client-credentials.ts';
import { listening } from '../transports/listening.ts';

/** A token endpoint and a service that admits the tokens in `good`. */
async function guarded() {
  const world = { issued: 0, calls: 0, good: new Set<string>(), refuses: false, expiresIn: 600 as number | undefined };
  const server = await listening(
    createServer((request, response) => {
      response.setHeader('Content-Type', 'application/json');
      if (request.url === '/token') {
        const right = request.headers.authorization === `Basic ${btoa('marketplace:secret')}`;
        if (world.refuses || !right) {
          response.statusCode = 401;
          response.end('{"error":"invalid_client","error_description":"no"}');
          return;
        }
        world.issued += 1;
        world.good.add(`t${world.issued}`);
        response.end(JSON.stringify({ access_token: `t${world.issued}`, expires_in: world.expiresIn }));
        return;
      }
      world.calls += 1;
      response.statusCode = world.good.has(String(request.headers.authorization).replace('Bearer ', '')) ? 200 : 401;
      response.end('{}');
    }),
  );
  const base = `http://127.0.0.1:${server.port}`;
  const client = { id: 'marketplace', secret: 'secret', tokenEndpoint: `${base}/token` };
  return { world, client, orders: `${base}/orders`, close: server.close };
}

describe('The example of a client', () => {
  let there: Awaited<ReturnType<typeof guarded>>;
  beforeEach(async () => {
    there = await guarded();
  });
  afterEach(() => there.close());

  it('fetches one token for many calls, also for those that start at once', async () => {
    const call = guardedFetch(there.client);
    const statuses = await Promise.all([1, 2, 3, 4].map(async () => (await call(there.orders)).status));
    expect([...statuses, (await call(there.orders)).status]).to.deep.equal([200, 200, 200, 200, 200]);
    expect(there.world.issued).to.equal(1);
  });

  it('fetches one new token when its token is refused', async () => {
    const call = guardedFetch(there.client);
    await call(there.orders);
    there.world.good.clear();
    const statuses = await Promise.all([1, 2, 3].map(async () => (await call(there.orders)).status));
    expect(statuses).to.deep.equal([200, 200, 200]);
    expect(there.world.issued).to.equal(2);
  });

  it('fetches a new token when its token is about to expire', async () => {
    there.world.expiresIn = 0;
    const call = guardedFetch(there.client);
    await call(there.orders);
    await call(there.orders);
    expect(there.world.issued).to.equal(2);
  });

  it('fetches one new token for a 401, and returns a second 401 as it is', async () => {
    const call = guardedFetch(there.client);
    const good = there.world.good;
    there.world.good = Object.assign(new Set<string>(), { add: () => good });
    expect((await call(there.orders)).status).to.equal(401);
    expect(there.world).to.include({ issued: 2, calls: 2 });
  });

  it('says in the error why there is no token, without the secret, and tries again with the next call', async () => {
    const call = guardedFetch(there.client);
    there.world.refuses = true;
    const problem = await call(there.orders).catch((error: Error) => error.message);
    expect(problem).to.equal('no token: invalid_client no');
    there.world.refuses = false;
    expect((await call(there.orders)).status).to.equal(200);
  });
});

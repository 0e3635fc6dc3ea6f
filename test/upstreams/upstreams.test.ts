/** A whole gate in front of three instances of a service, configured by its Admin API. */
import { expect } from 'chai';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type Instance, instance } from './instance.ts';

describe('A service whose host is the name of an upstream', () => {
  let gate: TestGate;
  let instances: Instance[];
  let [a, b, c]: Instance[] = [];

  before(async () => {
    gate = await openTestGate({ PORTCULLIS_STORE: 'memory:' });
    await gate.setUp('POST', '/services', { name: 'orders', host: 'orders.upstream', port: 9, path: '/in' });
    await gate.setUp('POST', '/services/orders/routes', { name: 'orders', paths: ['/orders'] });
  });
  after(() => gate.close());

  beforeEach(async () => {
    instances = await Promise.all(['a', 'b', 'c'].map(instance));
    [a, b, c] = instances;
  });
  afterEach(async () => {
    await gate.setUp('DELETE', '/upstreams/orders.upstream');
    await Promise.all(instances.map((one) => one.stop()));
  });

  async function upstream(fields: object = {}, weights: readonly number[] = [100, 100, 100]): Promise<void> {
    await gate.setUp('POST', '/upstreams', { name: 'orders.upstream', ...fields });
    for (const [at, one] of instances.entries()) await target(one, weights[at]!);
  }

  const target = (one: Instance, weight = 100) =>
    gate.setUp('POST', '/upstreams/orders.upstream/targets', { target: one.target, weight });

  async function call(headers: Record<string, string> = {}, path = '/orders'): Promise<string> {
    const { status, body } = await gate.get(path, undefined, headers);
    return status === 200 ? body : `${status} ${body.message ?? body}`;
  }

  async function calls(times: number, headers: Record<string, string> = {}): Promise<Record<string, number>> {
    const responses: Record<string, number> = {};
    for (let i = 0; i < times; i++) {
      const response = await call(headers);
      responses[response] = (responses[response] ?? 0) + 1;
    }
    return responses;
  }

  const health = async (): Promise<Record<string, string>> => {
    const { data } = await gate.setUp('GET', '/upstreams/orders.upstream/health');
    const named = new Map(instances.map((one) => [one.target, one.name]));
    return Object.fromEntries(
      data.map((row: { target: string; health: string }) => [named.get(row.target), row.health]),
    );
  };

  async function eventually(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  describe('is balanced', () => {
    it('round-robin, by the weights of the targets', async () => {
      await upstream({}, [30, 20, 10]);
      expect(await calls(30)).to.deep.equal({ a: 15, b: 10, c: 5 });
    });

    it('without targets of weight 0', async () => {
      await upstream({}, [100, 0, 100]);
      expect(await calls(10)).to.deep.equal({ a: 5, c: 5 });
    });

    it('least-connections: a busy target gets no more requests', async () => {
      await upstream({ algorithm: 'least-connections' });
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      for (const one of instances) {
        one.serve = (_, response) => {
          if (instances.reduce((sum, { count }) => sum + count, 0) === 1) held.then(() => response.end('slow'));
          else response.end(one.name);
        };
      }
      const slow = call();
      await eventually(async () => instances.some(({ count }) => count === 1));
      const busy = instances.find(({ count }) => count === 1)!;
      const others = await calls(12);
      expect(others).to.deep.equal(
        Object.fromEntries(instances.filter((one) => one !== busy).map(({ name }) => [name, 6])),
      );
      release();
      expect(await slow).to.equal('slow');
    });

    it('consistent-hashing by a header: each value has its target, and keeps it when another target is removed', async () => {
      await upstream({ hash_on: 'header', hash_on_header: 'x-tenant' });
      const tenants = Array.from({ length: 24 }, (_, i) => `tenant-${i}`);
      const at = new Map<string, string>();
      for (const tenant of tenants) {
        const responses = Object.keys(await calls(3, { 'x-tenant': tenant }));
        expect(responses).to.have.length(1);
        at.set(tenant, responses[0]!);
      }
      expect(new Set(at.values()).size).to.equal(3);
      await gate.setUp('DELETE', `/upstreams/orders.upstream/targets/${c!.target}`);
      for (const tenant of tenants) {
        const now = await call({ 'x-tenant': tenant });
        if (at.get(tenant) === 'c') expect(now).to.be.oneOf(['a', 'b']);
        else expect(now).to.equal(at.get(tenant));
      }
    });

    it('consistent-hashing by the client’s address: all requests of one client go to one target', async () => {
      await upstream({ hash_on: 'ip' });
      expect(Object.values(await calls(9))).to.deep.equal([9]);
    });

    it('consistent-hashing by consumer, for each of its credentials', async () => {
      await upstream({ hash_on: 'consumer' });
      await gate.setUp('POST', '/services/orders/plugins', { name: 'key-auth' });
      try {
        const seen = new Set<string>();
        for (let i = 0; i < 48; i++) {
          const { id } = await gate.setUp('POST', '/consumers', { username: `consumer-${i}` });
          for (const key of ['one', 'two'])
            await gate.setUp('POST', `/consumers/${id}/key-auth`, { key: `${key}-${i}` });
          const responses = new Set([await call({ apikey: `one-${i}` }), await call({ apikey: `two-${i}` })]);
          expect(responses.size).to.equal(1);
          for (const response of responses) seen.add(response);
        }
        expect([...seen].sort()).to.deep.equal(['a', 'b', 'c']);
      } finally {
        const { data } = await gate.setUp('GET', '/services/orders/plugins');
        await gate.setUp('DELETE', `/plugins/${data[0].id}`);
      }
    });

    it('consistent-hashing by a cookie, which the gate sets if there is none', async () => {
      await upstream({ hash_on: 'cookie', hash_on_cookie: 'instance' });
      const first = await gate.get('/orders');
      const cookie = /^(instance=[0-9a-f]+); Path=\/; SameSite=Lax; HttpOnly$/.exec(
        first.headers.get('set-cookie')!,
      )![1]!;
      expect(await calls(6, { cookie })).to.deep.equal({ [first.body]: 6 });
      const again = await gate.get('/orders', undefined, { cookie });
      expect(again.headers.get('set-cookie')).to.equal(null);
      const others = new Set<string>();
      for (let i = 0; i < 20; i++) others.add((await gate.get('/orders')).body);
      expect(others.size).to.be.greaterThan(1);
    });
  });

  describe('calls its targets', () => {
    it('by their own addresses, with the service’s path', async () => {
      await upstream();
      let url: string | undefined;
      for (const one of instances) {
        one.serve = (request, response) => {
          url = request.url;
          response.end(one.name);
        };
      }
      await gate.get('/orders/7?x=1');
      expect(url).to.equal('/in/7?x=1');
      expect(instances.flatMap(({ hosts }) => hosts)).to.deep.equal([
        instances.find(({ count }) => count === 1)!.target,
      ]);
    });

    it('by the host_header of the upstream, where it has one', async () => {
      await upstream({ host_header: 'orders.internal' });
      await calls(3);
      expect(instances.map(({ hosts }) => hosts)).to.deep.equal(
        instances.map(({ target }) => [`orders.internal:${target.split(':')[1]}`]),
      );
    });
  });

  describe('of which a target stops', () => {
    const checks = {
      active: {
        http_path: '/probe',
        healthy: { interval: 0, successes: 1 },
        unhealthy: { interval: 0.01 },
      },
      passive: { unhealthy: { tcp_failures: 1 } },
    };

    it('no request fails: each is retried at another target, and the stopped one gets no more', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { tcp_failures: 1 } } } });
      await calls(6);
      await b!.stop();
      expect(await calls(10)).to.deep.equal({ a: 5, c: 5 });
      expect(await health()).to.deep.equal({ a: 'HEALTHY', b: 'UNHEALTHY', c: 'HEALTHY' });
      expect(gate.log.some((line) => line.includes('a target became unhealthy') && line.includes(b!.target))).to.equal(
        true,
      );
    });

    it('no request fails without checks either', async () => {
      await upstream();
      await b!.stop();
      const responses = await calls(12);
      expect(Object.keys(responses).sort()).to.deep.equal(['a', 'c']);
    });

    it('no request fails that hashing sends to the stopped one, with checks or without', async () => {
      await upstream({ hash_on: 'header', hash_on_header: 'x-tenant' });
      await b!.stop();
      for (let i = 0; i < 24; i++) expect(await call({ 'x-tenant': `tenant-${i}` })).to.be.oneOf(['a', 'c']);
    });

    it('under load nothing fails', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { tcp_failures: 1 } } } });
      let going = true;
      const failures: string[] = [];
      const caller = async () => {
        while (going) {
          const response = await call();
          if (response.length > 1) failures.push(response);
        }
      };
      const callers = Array.from({ length: 8 }, caller);
      await eventually(async () => instances.every(({ count }) => count > 20));
      await b!.stop();
      const before = a!.count;
      await eventually(async () => a!.count > before + 100);
      going = false;
      await Promise.all(callers);
      expect(failures).to.deep.equal([]);
    });

    it('and starts again: an active check finds it, and it gets its share again', async () => {
      await upstream({ healthchecks: checks });
      await b!.stop();
      await calls(6);
      expect((await health())['b']).to.equal('UNHEALTHY');
      await b!.start();
      await eventually(async () => (await health())['b'] === 'HEALTHY');
      b!.count = 0;
      expect(await calls(9)).to.deep.equal({ a: 3, b: 3, c: 3 });
    });

    it('listed statuses make it unhealthy; the client receives them, without a retry', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { http_statuses: [500], http_failures: 2 } } } });
      b!.serve = (_, response) => {
        response.statusCode = 500;
        response.end('broken');
      };
      expect(await calls(12)).to.deep.equal({ a: 5, c: 5, '500 broken': 2 });
      expect((await health())['b']).to.equal('UNHEALTHY');
    });

    it('a response that takes too long is a timeout, and the request goes to another target', async () => {
      await gate.setUp('PATCH', '/services/orders', { read_timeout: 15 });
      try {
        await upstream({ healthchecks: { passive: { unhealthy: { timeouts: 1 } } } });
        b!.serve = () => {};
        const responses = await calls(9);
        expect(Object.keys(responses).sort()).to.deep.equal(['a', 'c']);
        expect(b!.count).to.equal(1);
        expect((await health())['b']).to.equal('UNHEALTHY');
      } finally {
        await gate.setUp('PATCH', '/services/orders', { read_timeout: 60_000 });
      }
    });

    it('all targets stopped: 503', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { tcp_failures: 1 } } } });
      await Promise.all(instances.map((one) => one.stop()));
      expect(await call()).to.equal('503 failure to get a peer from the ring-balancer');
      expect(await call()).to.equal('503 failure to get a peer from the ring-balancer');
    });
  });

  it('without targets: 503', async () => {
    await gate.setUp('POST', '/upstreams', { name: 'orders.upstream' });
    expect(await call()).to.equal('503 failure to get a peer from the ring-balancer');
  });

  describe('when its targets change', () => {
    it('the change applies to the next request', async () => {
      await gate.setUp('POST', '/upstreams', { name: 'orders.upstream' });
      await target(a!);
      expect(await calls(3)).to.deep.equal({ a: 3 });
      await target(b!, 300);
      expect(await calls(8)).to.deep.equal({ a: 2, b: 6 });
      await gate.setUp('PATCH', `/upstreams/orders.upstream/targets/${a!.target}`, { weight: 0 });
      expect(await calls(3)).to.deep.equal({ b: 3 });
    });

    it('a request in flight to a removed target gets its response', async () => {
      await gate.setUp('POST', '/upstreams', { name: 'orders.upstream' });
      await target(a!);
      let respond = () => {};
      a!.serve = (_, response) => {
        respond = () => response.end('at last');
      };
      const slow = call();
      await eventually(async () => a!.count === 1);
      await target(b!);
      await gate.setUp('DELETE', `/upstreams/orders.upstream/targets/${a!.target}`);
      expect(await calls(4)).to.deep.equal({ b: 4 });
      respond();
      expect(await slow).to.equal('at last');
    });

    it('under load nothing fails', async () => {
      await upstream();
      let going = true;
      const failures: string[] = [];
      const caller = async () => {
        while (going) {
          const response = await call();
          if (response.length > 1) failures.push(response);
        }
      };
      const callers = Array.from({ length: 8 }, caller);
      for (let i = 0; i < 15; i++) {
        await gate.setUp('DELETE', `/upstreams/orders.upstream/targets/${b!.target}`);
        await target(b!, 1 + i);
        await gate.setUp('PATCH', '/upstreams/orders.upstream', {
          algorithm: ['least-connections', 'round-robin', 'latency'][i % 3],
        });
      }
      going = false;
      await Promise.all(callers);
      expect(failures).to.deep.equal([]);
    });
  });

  describe('by the Admin API', () => {
    const marked = (to: string, by = b!.target) =>
      gate.setUp('PUT', `/upstreams/orders.upstream/targets/${encodeURIComponent(by)}/${to}`);

    it('a target is set unhealthy, and healthy again', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { tcp_failures: 1 } } } });
      expect(await marked('unhealthy')).to.equal(undefined);
      expect(await calls(4)).to.deep.equal({ a: 2, c: 2 });
      await marked('healthy');
      expect(await calls(6)).to.deep.equal({ a: 2, b: 2, c: 2 });
    });

    it('a target may be named by its id', async () => {
      await upstream({ healthchecks: { passive: { unhealthy: { tcp_failures: 1 } } } });
      const { data } = await gate.setUp('GET', '/upstreams/orders.upstream/targets');
      await marked('unhealthy', data.find((row: { target: string }) => row.target === b!.target).id);
      expect((await health())['b']).to.equal('UNHEALTHY');
    });
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { memoryCounters } from '../../adapters/store-memory/counters.ts';
import type { Exchange, PluginHooks } from '../../src/gateway/plugin.ts';
import { periods, windowAt } from '../../src/plugins/rate-limit-windows.ts';
import type { Counters } from '../../src/ports/counters.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { beginning, type Call, call, compiled, pluginWorld, refusedSettings, settings } from './world.ts';

const alice = { id: 'alice', username: 'alice', customId: undefined };
const by = (credential: string | undefined): Exchange['identity'] => ({
  consumer: alice,
  anonymous: false,
  credential: credential === undefined ? undefined : { id: credential, identifier: credential },
});

/** The status of each error response, and 200 for each request that passed. */
async function statuses(hooks: PluginHooks, calls: readonly Call[]): Promise<number[]> {
  const all: number[] = [];
  for (const one of calls) all.push((await call([hooks], 'GET /a', one)).response?.status ?? 200);
  return all;
}

describe('rate-limiting', () => {
  it('sends the remaining calls of each window, and of the window with the fewest', async () => {
    const world = pluginWorld();
    const hooks = compiled('rate-limiting', { minute: 2, hour: 100 }, world);
    world.now += 15_500;
    const first = await call([hooks], 'GET /a');
    expect(first.response).to.equal(undefined);
    expect(first.headers).to.deep.equal({
      'x-ratelimit-limit-minute': '2',
      'x-ratelimit-remaining-minute': '1',
      'x-ratelimit-limit-hour': '100',
      'x-ratelimit-remaining-hour': '99',
      'ratelimit-limit': '2',
      'ratelimit-remaining': '1',
      'ratelimit-reset': '45',
    });
    await call([hooks], 'GET /a');
    const { response } = await call([hooks], 'GET /a');
    expect(response?.status).to.equal(429);
    expect(JSON.parse(response!.body)).to.deep.equal({
      message: 'API rate limit exceeded',
      request_id: '0123456789abcdef0123456789abcdef',
    });
    expect(response?.headers).to.include({
      'retry-after': '45',
      'ratelimit-remaining': '0',
      'x-ratelimit-remaining-minute': '0',
      // Refused calls do not count.
      'x-ratelimit-remaining-hour': '98',
    });
    world.now += 44_500;
    expect((await call([hooks], 'GET /a')).response).to.equal(undefined);
  });

  it('names the longer of two windows with the same number of remaining calls', async () => {
    const hooks = compiled('rate-limiting', { minute: 5, day: 5 }, pluginWorld());
    expect((await call([hooks], 'GET /a')).headers).to.include({ 'ratelimit-limit': '5', 'ratelimit-reset': '86400' });
  });

  it('sends no limits with hide_client_headers, and uses error_code and error_message', async () => {
    const config = { minute: 1, hide_client_headers: true, error_code: 403, error_message: 'slow down' };
    const hooks = compiled('rate-limiting', config, pluginWorld());
    expect((await call([hooks], 'GET /a')).headers).to.deep.equal({});
    const { response, exchange } = await call([hooks], 'GET /a');
    expect(response?.status).to.equal(403);
    expect(response?.body).to.contain('"slow down"');
    expect(Object.keys(response!.headers)).to.deep.equal(['content-type']);
    expect(exchange.refusal).to.equal('rate_limited');
  });

  describe('limit_by', () => {
    const k = (value: string) => ({ 'X-K': value });
    const cases: readonly (readonly [object, readonly Call[], readonly number[]])[] = [
      [{ limit_by: 'consumer' }, [{ identity: by('a') }, { identity: by('b') }, {}], [200, 429, 200]],
      [
        { limit_by: 'credential' },
        [{ identity: by('a') }, { identity: by('b') }, { identity: by('a') }],
        [200, 200, 429],
      ],
      [{ limit_by: 'credential' }, [{ identity: by(undefined) }, {}], [200, 429]],
      [{ limit_by: 'ip' }, [{ from: '1.1.1.1' }, { from: '2.2.2.2' }, { from: '1.1.1.1' }], [200, 200, 429]],
      [{ limit_by: 'service' }, [{ from: '1.1.1.1' }, { from: '2.2.2.2' }, { serviceId: 'other' }], [200, 429, 200]],
      [
        { limit_by: 'header', header_name: 'X-K' },
        [{ headers: k('1') }, { headers: k('2') }, { headers: k('1') }, {}, {}],
        [200, 200, 429, 200, 429],
      ],
      [
        { limit_by: 'path', path: '/a' },
        [{ from: '1.1.1.1' }, { from: '2.2.2.2' }, { path: '/b' }, { path: '/c' }],
        [200, 429, 200, 429],
      ],
    ];
    for (const [config, calls, expected] of cases) {
      it(`${JSON.stringify(config)} responds ${expected}`, async () => {
        const hooks = compiled('rate-limiting', { minute: 1, ...config }, pluginWorld());
        expect(await statuses(hooks, calls)).to.deep.equal(expected);
      });
    }

    it('keeps the digest of a long header value', async () => {
      const keys: string[] = [];
      const count = (key: string) => {
        keys.push(key);
        return [0];
      };
      const world = pluginWorld({ counters: { local: { count }, cluster: { count } } });
      const hooks = compiled('rate-limiting', { minute: 1, limit_by: 'header', header_name: 'X-K' }, world);
      await statuses(hooks, [{ headers: k('x'.repeat(9000)) }, { headers: k(`${'x'.repeat(8999)}y`) }]);
      expect(new Set(keys).size).to.equal(2);
      for (const key of keys) expect(key.length).to.be.lessThan(150);
    });

    it('a header value cannot use up the calls of an address', async () => {
      const hooks = compiled('rate-limiting', { minute: 1, limit_by: 'header', header_name: 'X-K' }, pluginWorld());
      expect(await statuses(hooks, [{ headers: k('203.0.113.9') }, {}])).to.deep.equal([200, 200]);
    });
  });

  it('a change of settings does not reset the counts', async () => {
    const world = pluginWorld();
    await call([compiled('rate-limiting', { minute: 2 }, world)], 'GET /a');
    const changed = compiled('rate-limiting', { minute: 1 }, world);
    expect((await call([changed], 'GET /a')).response?.status).to.equal(429);
  });

  it('counts separately for a route, a service and a consumer', async () => {
    const world = pluginWorld();
    const one = compiled('rate-limiting', { minute: 1 }, world, { consumerId: 'alice' });
    const other = compiled('rate-limiting', { minute: 1 }, world);
    expect(await statuses(one, [{ identity: by('a') }])).to.deep.equal([200]);
    expect(await statuses(other, [{ identity: by('a') }])).to.deep.equal([200]);
  });

  describe('when counting fails', () => {
    const failing: readonly (readonly [string, Counters['count']])[] = [
      [
        'at once',
        () => {
          throw new Unavailable('gone');
        },
      ],
      ['later', async () => Promise.reject(new Unavailable('gone'))],
    ];
    for (const [when, count] of failing) {
      it(`lets calls pass with fault_tolerant, and logs the error (${when})`, async () => {
        const world = pluginWorld({ counters: { local: { count }, cluster: { count } } });
        const hooks = compiled('rate-limiting', { minute: 1 }, world);
        expect(await statuses(hooks, [{}, {}])).to.deep.equal([200, 200]);
        expect(world.failures).to.have.length(2);
      });

      it(`lets no call pass without fault_tolerant (${when})`, async () => {
        const world = pluginWorld({ counters: { local: { count }, cluster: { count } } });
        const hooks = compiled('rate-limiting', { minute: 1, fault_tolerant: false }, world);
        const error = await call([hooks], 'GET /a').catch((error) => error);
        expect(error).to.be.instanceOf(Unavailable);
      });
    }
  });

  it('policy cluster counts in the store that all gates share', async () => {
    const world = pluginWorld();
    const config = { minute: 2, policy: 'cluster' };
    const gates = [compiled('rate-limiting', config, world), compiled('rate-limiting', config, world)];
    const all = [];
    for (const gate of [...gates, ...gates]) all.push(...(await statuses(gate, [{}])));
    expect(all).to.deep.equal([200, 200, 429, 429]);
  });

  describe('guard_token_endpoint', () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const basic = (id: string) => ({ Authorization: `Basic ${Buffer.from(`${id}:x`).toString('base64')}` });

    function guarded(config = {}) {
      const world = pluginWorld();
      const owner = world.insert('consumers', { username: 'owner' });
      for (const client_id of ['app', 'app2']) {
        world.insert('oauth2_credentials', { consumer: { id: owner.id }, name: client_id, client_id });
      }
      const limits = compiled('rate-limiting', { minute: 2, guard_token_endpoint: true, ...config }, world);
      const oauth2 = compiled('oauth2', { enable_client_credentials: true, provision_key: 'p' }, world);
      const ask = async (given: Call & { readonly query?: string }) => {
        const called = await call([oauth2, limits], `POST /oauth2/token${given.query ?? ''}`, {
          ...given,
          headers: { ...form, ...given.headers },
        });
        return called.response?.status ?? called.handover?.handover;
      };
      return { ask, limits, oauth2 };
    }

    it('is off and not printed unless it is set', async () => {
      expect(settings('rate-limiting', { minute: 1 })).to.not.have.property('guard_token_endpoint');
      const world = pluginWorld();
      const limits = compiled('rate-limiting', { minute: 1 }, world);
      const oauth2 = compiled('oauth2', { enable_client_credentials: true, provision_key: 'p' }, world);
      for (let i = 0; i < 3; i++) {
        expect((await call([oauth2, limits], 'POST /oauth2/token')).handover?.handover).to.equal('token');
      }
    });

    it('counts by client and address, wherever the client_id is', async () => {
      const { ask } = guarded({ limit_by: 'credential' });
      expect(await ask({ body: 'client_id=app' })).to.equal('token');
      expect(await ask({ headers: basic('app') })).to.equal('token');
      expect(await ask({ query: '?client_id=app' })).to.equal(429);
      expect(await ask({ headers: { 'Content-Type': 'application/json' }, body: '{"client_id":"app"}' })).to.equal(429);
      expect(await ask({ body: 'client_id=app2' })).to.equal('token');
    });

    it('CA-06: requests with the client_id from another address do not use up the calls of a client', async () => {
      const { ask } = guarded({ limit_by: 'credential' });
      const body = 'client_id=app';
      for (const status of ['token', 'token', 429, 429]) expect(await ask({ body, from: '6.6.6.6' })).to.equal(status);
      expect(await ask({ body, from: '1.1.1.1' })).to.equal('token');
    });

    it('counts unknown client_ids for the address only', async () => {
      const { ask } = guarded({ limit_by: 'credential' });
      expect([await ask({ body: 'client_id=x1' }), await ask({ body: 'client_id=x2' })]).to.deep.equal([
        'token',
        'token',
      ]);
      expect([await ask({ body: 'client_id=x3' }), await ask({})]).to.deep.equal([429, 429]);
      expect(await ask({ body: 'client_id=app' })).to.equal('token');
    });

    it('does not count the authorization endpoint, and counts other calls separately', async () => {
      const { ask, limits, oauth2 } = guarded({ limit_by: 'ip' });
      expect([await ask({}), await ask({}), await ask({})]).to.deep.equal(['token', 'token', 429]);
      const authorize = await call([oauth2, limits], 'POST /oauth2/authorize');
      expect(authorize.handover?.handover).to.equal('authorize');
      expect((await call([limits], 'GET /a')).response).to.equal(undefined);
    });

    it('refuses a body larger than a token request may have', async () => {
      const { ask } = guarded();
      expect(await ask({ body: `client_id=app&x=${'y'.repeat(1_048_576)}` })).to.equal(413);
    });
  });

  describe('settings', () => {
    it('require at least one limit, and never fewer calls in a longer window', () => {
      expect(refusedSettings('rate-limiting', {})).to.deep.equal({
        '@entity': [
          "at least one of these fields must be non-empty: 'config.second', 'config.minute', 'config.hour', 'config.day', 'config.month', 'config.year'",
        ],
      });
      expect(refusedSettings('rate-limiting', { minute: 10, hour: 5 })).to.deep.equal({
        config: 'The limit for hour(5.0) cannot be lower than the limit for minute(10.0)',
      });
    });

    it('refuse the policy redis by name', () => {
      expect(refusedSettings('rate-limiting', { minute: 1, policy: 'redis' })).to.deep.equal({
        config: { policy: "'redis' is not supported; 'cluster' counts over all gates that share a store" },
      });
    });

    it('require the header or the path of limit_by', () => {
      expect(refusedSettings('rate-limiting', { minute: 1, limit_by: 'header' })).to.have.nested.property(
        'config.header_name',
      );
      expect(refusedSettings('rate-limiting', { minute: 1, limit_by: 'path' })).to.have.nested.property('config.path');
    });
  });
});

describe('The windows of a rate limit', () => {
  it('follow each other without a gap, and contain their times', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...periods),
        fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
        (period, date) => {
          const now = date.getTime();
          const { from, until } = windowAt(period, now);
          expect(from <= now && now < until).to.equal(true);
          expect(windowAt(period, until).from).to.equal(until);
          expect(windowAt(period, from - 1).until).to.equal(from);
        },
      ),
    );
  });

  it('are periods of the calendar in UTC', () => {
    const now = Date.UTC(2028, 1, 29, 23, 59, 59, 999);
    expect(windowAt('month', now)).to.deep.equal({ name: 'month', from: Date.UTC(2028, 1), until: Date.UTC(2028, 2) });
    expect(windowAt('year', now).until).to.equal(Date.UTC(2029, 0));
    expect(windowAt('day', now).until).to.equal(Date.UTC(2028, 2, 1));
  });

  it('allow as many calls as a list of all calls would, at any rate', async () => {
    const limit = fc.integer({ min: 1, max: 6 });
    const steps = fc.array(fc.constantFrom(0, 1, 400, 1000, 7_000, 59_999, 60_000, 3_600_000, 86_400_000), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(limit, limit, limit, steps, async (second, minute, day, waits) => {
        const config = { second, minute: second + minute, day: second + minute + day };
        const world = pluginWorld();
        const hooks = compiled('rate-limiting', config, world);
        const passed: number[] = [];
        for (const wait of waits) {
          world.now += wait;
          const fits = (Object.keys(config) as (keyof typeof config)[]).every((period) => {
            const begins = { second: 1000, minute: 60_000, day: 86_400_000 }[period];
            const start = world.now - ((world.now - beginning) % begins);
            return passed.filter((at) => at >= start).length < config[period];
          });
          const { response } = await call([hooks], 'GET /a');
          expect(response === undefined).to.equal(fits);
          if (fits) passed.push(world.now);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('Counters in memory', () => {
  const minute = (now: number, limit = 1_000_000) => [{ ...windowAt('minute', now), limit }];

  it('delete expired windows, and never hold more than the limit', () => {
    const clock = { now: () => now };
    let now = beginning;
    const counters = memoryCounters(clock, 10);
    const callers = Array.from({ length: 100 }, (_, i) => `caller ${i}`);
    // A call over a limit of 0 is not counted.
    const held = (keys: readonly string[]) =>
      keys.filter((key) => (counters.count(key, minute(now, 0)) as readonly number[])[0]! > 0);
    for (const caller of callers) counters.count(caller, minute(now));
    expect(held(callers)).to.deep.equal(callers.slice(-10));
    now += 60_000;
    const late = Array.from({ length: 10 }, (_, i) => `late ${i}`);
    for (const caller of late) counters.count(caller, minute(now));
    expect(held(late)).to.deep.equal(late);
    expect(counters.count('late 9', minute(now))).to.deep.equal([1]);
  });

  it('delete first the callers that do not call', () => {
    const counters = memoryCounters({ now: () => beginning }, 4);
    for (let i = 0; i < 20; i++) {
      counters.count('busy', minute(beginning));
      counters.count(`passer-by ${i}`, minute(beginning));
    }
    expect(counters.count('busy', minute(beginning))).to.deep.equal([20]);
  });
});

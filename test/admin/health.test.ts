import { expect } from 'chai';
import type { Balancer } from '../../src/balancer/balancer.ts';
import { balancerOver } from '../balancer/rows.ts';
import { type Gate, gate, nowhere } from './gate.ts';

describe('The health of upstreams in the Admin API', () => {
  let admin: Gate;
  let balancer: Balancer | undefined;
  let ids: Record<string, string>;

  beforeEach(async () => {
    balancer = undefined;
    admin = await gate({ balancerOf: () => balancer });
    await admin.call('POST /upstreams', { name: 'orders' });
    ids = {};
    for (const target of ['a.example:80', '[2001:db8::1]:81']) {
      const { body } = await admin.call('POST /upstreams/orders/targets', { target, weight: 50 });
      ids[target] = body.id;
    }
  });
  afterEach(() => admin.close());

  /** A balancer as the snapshot has it. */
  function checked(passive = { unhealthy: { tcp_failures: 1 } }, threshold = 0): void {
    const made = balancerOver(
      Object.keys(ids).map((target) => [target, 50]),
      {},
      { passive, threshold },
    );
    balancer = Object.assign(made, { targets: made.targets.map((one) => ({ ...one, id: ids[one.name]! })) });
  }

  const states = async (): Promise<Record<string, string>> => {
    const { body } = await admin.call('GET /upstreams/orders/health');
    return Object.fromEntries(body.data.map((row: { target: string; health: string }) => [row.target, row.health]));
  };

  it('lists the targets with their health and their address', async () => {
    checked();
    balancer!.set(balancer!.targets[0]!, 'unhealthy');
    const { status, body } = await admin.call('GET /upstreams/orders/health');
    expect(status).to.equal(200);
    expect(Object.keys(body).sort()).to.deep.equal(['data', 'next', 'node_id']);
    expect(body).to.include({ next: null, node_id: 'node' });
    const sick = body.data.find((row: { target: string }) => row.target === 'a.example:80');
    expect(sick).to.include({ id: ids['a.example:80'], weight: 50, health: 'UNHEALTHY' });
    expect(sick.upstream).to.have.all.keys('id');
    expect(sick.data).to.deep.equal({
      host: 'a.example',
      port: 80,
      nodeWeight: 50,
      weight: { total: 50, available: 0, unavailable: 50 },
      addresses: [{ ip: 'a.example', port: 80, weight: 50, health: 'UNHEALTHY' }],
    });
    expect(await states()).to.deep.equal({ 'a.example:80': 'UNHEALTHY', '[2001:db8::1]:81': 'HEALTHY' });
  });

  it('without health checks is HEALTHCHECKS_OFF', async () => {
    checked({ unhealthy: { tcp_failures: 0 } });
    expect(Object.values(await states())).to.deep.equal(['HEALTHCHECKS_OFF', 'HEALTHCHECKS_OFF']);
  });

  it('in pages', async () => {
    checked();
    const first = await admin.call('GET /upstreams/orders/health?size=1');
    expect(first.body.data).to.have.length(1);
    const second = await admin.call(`GET ${first.body.next}`);
    expect(second.body.data).to.have.length(1);
    expect(second.body.data[0].id).not.to.equal(first.body.data[0].id);
    expect((await admin.call('GET /upstreams/orders/health?size=x')).status).to.equal(400);
  });

  it('balancer_health=1: of the upstream as a whole', async () => {
    checked({ unhealthy: { tcp_failures: 1 } }, 60);
    const whole = async () => (await admin.call('GET /upstreams/orders/health?balancer_health=1')).body.data;
    expect(await whole()).to.include({ health: 'HEALTHY' });
    balancer!.set(balancer!.targets[0]!, 'unhealthy');
    const { health, details } = await whole();
    expect(health).to.equal('UNHEALTHY');
    expect(details.weight).to.deep.equal({ total: 100, available: 50, unavailable: 50 });
    expect(details.hosts).to.have.length(2);
  });

  for (const [what, key] of [
    ['address', () => 'a.example:80'],
    ['id', () => ids['a.example:80']!],
  ] as const) {
    it(`a target named by its ${what} is set to unhealthy, and to healthy again`, async () => {
      checked();
      const path = `/upstreams/orders/targets/${key()}`;
      expect(await admin.call(`PUT ${path}/unhealthy`)).to.include({ status: 204, body: '' });
      expect((await states())['a.example:80']).to.equal('UNHEALTHY');
      expect((await admin.call(`PUT ${path}/healthy`)).status).to.equal(204);
      expect((await states())['a.example:80']).to.equal('HEALTHY');
    });
  }

  it('one address of a target: its only one', async () => {
    checked();
    const path = '/upstreams/orders/targets/a.example:80';
    expect((await admin.call(`PUT ${path}/a.example:80/unhealthy`)).status).to.equal(204);
    expect((await states())['a.example:80']).to.equal('UNHEALTHY');
    expect((await admin.call(`PUT ${path}/192.0.2.9:80/unhealthy`)).status).to.equal(404);
  });

  it('a missing row gets a 404; no other method is allowed', async () => {
    checked();
    for (const path of [
      'GET /upstreams/none/health',
      'PUT /upstreams/none/targets/a.example:80/healthy',
      'PUT /upstreams/orders/targets/b.example:80/healthy',
      `PUT /upstreams/orders/targets/${nowhere}/unhealthy`,
    ]) {
      expect(await admin.call(path), path).to.deep.include({ status: 404, body: { message: 'Not found' } });
    }
    expect((await admin.call('POST /upstreams/orders/targets/a.example:80/healthy', {})).status).to.equal(405);
    expect((await admin.call('POST /upstreams/orders/health', {})).status).to.equal(405);
  });
});

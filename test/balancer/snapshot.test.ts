import { expect } from 'chai';
import { type Configuration, compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { Match, Snapshot } from '../../src/gateway/snapshot.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { request } from '../gateway/request.ts';
import { targetRow, upstreamRow } from './rows.ts';

const service = { id: 's1', protocol: 'http', host: 'orders', port: 9, enabled: true } as Entity;
const route = { id: 'r1', service: { id: 's1' }, paths: ['/'], protocols: ['http'] } as Entity;
const definitions = new Map();
const tools = {} as Configuration['tools'];

function compile(rows: Partial<Configuration>): Snapshot {
  return compileSnapshot({ services: [service], routes: [route], plugins: [], definitions, tools, ...rows });
}

const serviceIn = (snapshot: Snapshot) => (snapshot.match(request('GET /')) as Match).service!;
const copies = (rows: readonly Entity[]): readonly Entity[] => structuredClone(rows) as readonly Entity[];

describe('A snapshot with upstreams', () => {
  const upstreams = [upstreamRow()];
  const targets = [targetRow('a.example:80'), targetRow('b.example:8080', 50)];

  it('a service is balanced if its host is the name of an upstream, and only then', () => {
    expect(serviceIn(compile({ upstreams, targets })).balancing).not.to.equal(undefined);
    expect(serviceIn(compile({ upstreams: [upstreamRow({ name: 'orders.example' })], targets })).balancing).to.equal(
      undefined,
    );
    expect(serviceIn(compile({})).balancing).to.equal(undefined);
  });

  it('has the targets of the upstream, and the service at each', () => {
    const snapshot = compile({ upstreams, targets: [...targets, targetRow('c.example:80', 100, 'u2')] });
    const { balancer, at } = serviceIn(snapshot).balancing!;
    expect(balancer.targets.map(({ name, weight }) => [name, weight])).to.deep.equal([
      ['a.example:80', 100],
      ['b.example:8080', 50],
    ]);
    const there = at(balancer.targets[1]!);
    expect(there).to.include({ id: 's1', host: 'b.example', port: 8080, protocol: 'http' });
    expect(at(balancer.targets[1]!)).to.equal(there);
    expect([...snapshot.balancers!.keys()]).to.deep.equal(['u1']);
  });

  it('the gate presents the client_certificate of the upstream if the service has none', () => {
    const upstreams = [upstreamRow({ client_certificate: { id: 'c-upstream' } })];
    const shown = (service: Entity) => {
      const { balancer, at } = serviceIn(compile({ services: [service], upstreams, targets })).balancing!;
      return at(balancer.targets[0]!).clientCertificate;
    };
    expect(shown(service)).to.equal('c-upstream');
    expect(shown({ ...service, client_certificate: { id: 'c-service' } } as Entity)).to.equal('c-service');
  });

  it('takes over what did not change', () => {
    const previous = compile({ upstreams, targets });
    const other = { ...service, id: 's2', host: 'other.example' } as Entity;
    const next = compile({
      services: [service, other],
      upstreams: copies(upstreams),
      targets: copies(targets),
      previous,
    });
    expect(next.balancers!.get('u1')).to.equal(previous.balancers!.get('u1'));
    expect(serviceIn(next)).to.equal(serviceIn(previous));
  });

  it('a change of the targets, the upstream or the service applies to the next snapshot only', () => {
    const previous = compile({ upstreams, targets });
    const before = serviceIn(previous);
    const fewer = compile({ upstreams, targets: targets.slice(1), previous });
    expect(serviceIn(fewer).balancing!.balancer.targets.map(({ name }) => name)).to.deep.equal(['b.example:8080']);
    const hashing = compile({ upstreams: [upstreamRow({ algorithm: 'latency' })], targets, previous });
    expect(serviceIn(hashing).balancing!.balancer.upstream.algorithm).to.equal('latency');
    const patient = compile({ services: [{ ...service, retries: 1 } as Entity], upstreams, targets, previous });
    expect(serviceIn(patient)).to.include({ retries: 1 });
    expect(serviceIn(patient).balancing!.balancer).to.equal(before.balancing!.balancer);
    expect(serviceIn(previous)).to.equal(before);
    expect(before.balancing!.balancer.targets).to.have.length(2);
  });

  it('a service is called at its own host once the upstream is deleted, and balanced once it exists', () => {
    const balanced = compile({ upstreams, targets });
    const plain = compile({ previous: balanced });
    expect(serviceIn(plain)).to.include({ host: 'orders', port: 9 });
    expect(serviceIn(plain).balancing).to.equal(undefined);
    expect(serviceIn(compile({ upstreams, targets, previous: plain })).balancing).not.to.equal(undefined);
  });

  it('the next snapshot keeps the state of a target', () => {
    const previous = compile({ upstreams, targets });
    const { balancer } = serviceIn(previous).balancing!;
    balancer.set(balancer.targets[0]!, 'unhealthy');
    const next = compile({ upstreams, targets: [...targets, targetRow('c.example:80')], previous });
    expect(serviceIn(next).balancing!.balancer.targets.map(({ state }) => state.health.healthy)).to.deep.equal([
      false,
      true,
      true,
    ]);
  });

  it('a row that does not compile is reported with its id; the others apply', () => {
    const refused: string[] = [];
    const snapshot = compile({
      upstreams: [...upstreams, upstreamRow({ id: 'u2', name: 'other', algorithm: 'by-mood' })],
      targets: [...targets, targetRow('c:d:e]:80')],
      refused: (kind, id, why) => refused.push(`${kind} ${id} ${why}`),
    });
    expect(refused).to.deep.equal([
      'upstreams u2 algorithm: there is no "by-mood"',
      'targets t-c:d:e]:80 target is not host:port: "c:d:e]:80"',
    ]);
    expect(serviceIn(snapshot).balancing!.balancer.targets).to.have.length(2);
  });
});

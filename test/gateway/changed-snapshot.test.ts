/** Property: a snapshot after any changes responds to every request as one that is compiled from nothing. */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  changeSteps,
  compileSnapshot,
  type SnapshotChanges,
  type SnapshotKind,
  snapshotKinds,
} from '../../src/gateway/compile-snapshot.ts';
import type { Exchange, PluginDefinition, PluginTools } from '../../src/gateway/plugin.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { request } from './request.ts';

const tools = {} as PluginTools;
const ran: string[] = [];
const definition = (name: string, priority: number, authenticates: boolean): PluginDefinition => ({
  name,
  priority,
  authenticates,
  compile(config, { pluginId }) {
    if (config['broken'] === true) throw new TypeError('config.broken: is broken');
    return {
      ...(authenticates ? { issues: pluginId } : {}),
      access(exchange) {
        ran.push(`${pluginId} ${JSON.stringify(config)}`);
        const id = exchange.request.header('x-who');
        if (authenticates && id !== undefined) {
          exchange.identity = {
            consumer: { id, username: id, customId: undefined },
            anonymous: false,
            credential: undefined,
          };
        }
        return undefined;
      },
    };
  },
});
const definitions = new Map(
  [definition('auth', 1400, true), definition('limit', 900, false), definition('also', 900, false)].map((one) => [
    one.name,
    one,
  ]),
);

const reference = (letter: string, count: number) =>
  fc.option(
    fc.nat(count - 1).map((n) => ({ id: `${letter}${n}` })),
    { freq: 3 },
  );
const tag = fc.nat(2);
const arbitraryRows: { readonly [kind in SnapshotKind]: fc.Arbitrary<Entity> } = {
  services: fc.record({
    id: fc.nat(3).map((n) => `s${n}`),
    protocol: fc.constant('http'),
    host: fc.constantFrom('a.example', 'b.example', 'up'),
    port: fc.constant(80),
    path: fc.constantFrom(null, '/base'),
    enabled: fc.constantFrom(true, true, true, false),
    tls_verify: fc.constantFrom(null, null, 'wrong' as unknown as boolean),
  }) as fc.Arbitrary<Entity>,
  routes: fc.record({
    id: fc.nat(7).map((n) => `r${n}`),
    service: reference('s', 4),
    paths: fc.constantFrom(['/a'], ['/a/b'], ['/a/b', '/c'], ['~/a/\\d'], ['/'], ['/a', '~/x']),
    hosts: fc.constantFrom(null, null, ['h.example'], ['*.example'], ['h.example', '*.example']),
    methods: fc.constantFrom(null, null, ['GET']),
    protocols: fc.constantFrom(['http', 'https'], ['http', 'https'], ['tcp']),
    strip_path: fc.boolean(),
    strict_paths: fc.constantFrom(false, false, true),
  }) as fc.Arbitrary<Entity>,
  plugins: fc
    .record({
      name: fc.constantFrom('auth', 'limit', 'also', 'unknown'),
      route: reference('r', 8),
      service: reference('s', 4),
      consumer: reference('c', 2),
      enabled: fc.constantFrom(true, true, true, false),
      config: fc.constantFrom({}, {}, { at: 1 }, { broken: true }),
    })
    // As in a store, one plugin has one instance in one place.
    .map((row) => ({ id: `p ${row.name} ${row.route?.id} ${row.service?.id} ${row.consumer?.id}`, ...row }) as Entity),
  upstreams: fc.record({
    id: fc.constantFrom('u1', 'u2'),
    name: fc.constantFrom('up', 'a.example'),
    slots: fc.constant(100),
    tag,
  }) as fc.Arbitrary<Entity>,
  targets: fc.record({
    id: fc.nat(2).map((n) => `t${n}`),
    upstream: fc.constantFrom({ id: 'u1' }, { id: 'u2' }),
    target: fc.constantFrom('t1.example:80', 't2.example:80'),
    weight: fc.constantFrom(0, 100),
    tag,
  }) as fc.Arbitrary<Entity>,
};

const change = fc.oneof(
  ...snapshotKinds.map((kind) =>
    fc.record({ kind: fc.constant(kind), row: arbitraryRows[kind], isRemoved: fc.constantFrom(false, false, true) }),
  ),
);

const requests = [
  'GET /a',
  'GET /A/B',
  'POST /a/b',
  'GET /a/1',
  'GET /c/x',
  'GET /x',
  'GET /none',
  'POST /oauth2/token',
].flatMap((line) => ['h.example', 'other.example', 'elsewhere'].map((host) => ({ line, host })));

function responses(snapshot: Snapshot): unknown[] {
  return requests.flatMap(({ line, host }) =>
    [undefined, 'c0', 'c1'].map((who) => {
      const sent = request(line, { Host: host, ...(who === undefined ? {} : { 'X-Who': who }) });
      const found = snapshot.match(sent);
      if (!('hooks' in found)) return found;
      const exchange = { request: sent, identity: undefined } as unknown as Exchange;
      ran.length = 0;
      const access = found.hooks.map((hooks) => hooks.access?.(exchange));
      const { hooks: _, captures: __, service, ...rest } = found;
      const { balancing, ...address } = service ?? {};
      const targets = balancing?.balancer.targets.map(({ host, weight }) => `${host} ${weight}`).sort();
      return { ...rest, address, targets, ran: [...ran], access };
    }),
  );
}

describe('A snapshot after changes', () => {
  it('responds to every request as one that is compiled from nothing, and the earlier one as before', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { maxLength: 8 }), (batches) => {
        const rows = Object.fromEntries(snapshotKinds.map((kind) => [kind, new Map<string, Entity>()])) as {
          [kind in SnapshotKind]: Map<string, Entity>;
        };
        const all = () => ({
          services: [...rows.services.values()],
          routes: [...rows.routes.values()],
          plugins: [...rows.plugins.values()],
          upstreams: [...rows.upstreams.values()],
          targets: [...rows.targets.values()],
        });
        const refused = () => {};
        let current = compileSnapshot({ ...all(), definitions, tools, refused });
        for (const batch of batches) {
          const before = responses(current);
          const changes: { [kind in SnapshotKind]?: Map<string, Entity | undefined> } = {};
          for (const { kind, row, isRemoved } of batch) {
            if (isRemoved) rows[kind].delete(row.id);
            else rows[kind].set(row.id, row);
            changes[kind] ??= new Map();
            changes[kind].set(row.id, isRemoved ? undefined : row);
          }
          const next = finished(
            changeSteps(changes as SnapshotChanges, { definitions, tools, refused, previous: current }),
          );
          const fresh = responses(compileSnapshot({ ...all(), definitions, tools, refused }));
          expect(responses(next)).to.deep.equal(fresh);
          const again = compileSnapshot({ ...all(), definitions, tools, refused, previous: current });
          expect(responses(again)).to.deep.equal(fresh);
          expect(responses(current)).to.deep.equal(before);
          current = next;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('of two upstreams with one name the lower id decides, in any order', () => {
    const service = { id: 's', protocol: 'http', host: 'up', port: 80 } as Entity;
    const route = { id: 'r', paths: ['/a'], service: { id: 's' } } as Entity;
    const upstreams = ['u1', 'u2'].map((id) => ({ id, name: 'up', slots: 100 }) as Entity);
    const targets = ['u1', 'u2'].map(
      (id) => ({ id: `t ${id}`, upstream: { id }, target: `${id}.example:80`, weight: 100 }) as Entity,
    );
    for (const order of [upstreams, upstreams.toReversed()]) {
      const rows = { services: [service], routes: [route], plugins: [], upstreams: order, targets };
      const found = compileSnapshot({ ...rows, definitions, tools }).match(request('GET /a'));
      const targetsOf = 'hooks' in found ? found.service?.balancing?.balancer.targets : undefined;
      expect(targetsOf?.map(({ host }) => host)).to.deep.equal(['u1.example']);
    }
  });

  it('compiles only what changed, and takes over what other routes use', () => {
    let compiled = 0;
    const counted = new Map([
      ['limit', { ...definition('limit', 900, false), compile: () => ({ access: () => void compiled++ }) }],
    ]);
    const service = { id: 's', protocol: 'http', host: 'a.example', port: 80 };
    const routes = Array.from({ length: 2_000 }, (_, n) => ({ id: `r${n}`, paths: [`/${n}/`], service: { id: 's' } }));
    const plugins = routes.map(({ id }) => ({ id: `p ${id}`, name: 'limit', route: { id }, config: {} }));
    const before = compileSnapshot({ services: [service], routes, plugins, definitions: counted, tools });
    const steps = changeSteps(
      { routes: new Map([['new', { id: 'new', paths: ['/new/'], service: { id: 's' } }]]) },
      { definitions: counted, tools, previous: before },
    );
    const first = steps.next();
    expect(first.done, 'one step').to.equal(true);
    const after = first.value as Snapshot;
    const hooksOf = (snapshot: Snapshot, path: string) => {
      const found = snapshot.match(request(`GET ${path}`));
      return 'hooks' in found ? found.hooks : undefined;
    };
    expect(hooksOf(before, '/new/')).to.equal(undefined);
    expect(hooksOf(after, '/new/')).to.deep.equal([]);
    expect(hooksOf(after, '/7/')).to.equal(hooksOf(before, '/7/'));
  });

  it('with a plugin for all routes is compiled in steps, and the earlier one stays as it was', () => {
    const routes = Array.from({ length: 2_000 }, (_, n) => ({ id: `r${n}`, paths: [`/${n}/`] }));
    const before = compileSnapshot({ services: [], routes, plugins: [], definitions, tools });
    const everywhere = { id: 'p', name: 'limit', config: {} };
    const steps = changeSteps({ plugins: new Map([['p', everywhere]]) }, { definitions, tools, previous: before });
    let count = 0;
    for (;;) {
      const { done, value } = steps.next();
      const hooks = (snapshot: Snapshot) => (snapshot.match(request('GET /7/')) as { hooks: readonly unknown[] }).hooks;
      expect(hooks(before)).to.have.length(0);
      if (done === true) {
        expect(hooks(value)).to.have.length(1);
        break;
      }
      count++;
    }
    expect(count).to.be.at.least(20);
  });
});

function finished<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

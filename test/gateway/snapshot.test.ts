import { expect } from 'chai';
import { type Configuration, compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { Exchange, PluginDefinition, PluginPlace, ResponseHead } from '../../src/gateway/plugin.ts';
import type { Match, Snapshot } from '../../src/gateway/snapshot.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { request } from './request.ts';

type Fields = Readonly<Record<string, Json>>;

const row = (id: string, fields: Fields): Entity => ({ id, ...fields }) as Entity;
const service = (id: string, fields: Fields = {}) =>
  row(id, { protocol: 'http', host: `${id}.example`, port: 80, path: null, enabled: true, ...fields });
const route = (id: string, of: string | null, fields: Fields = {}) =>
  row(id, { service: of === null ? null : { id: of }, paths: [`/${id}`], protocols: ['http', 'https'], ...fields });
/** `on`: like `r:r1 s:s1 c:alice`. */
const plugin = (id: string, name: string, on = '', fields: Fields = {}) => {
  const place = (letter: string) => {
    const found = on.split(' ').find((part) => part.startsWith(`${letter}:`));
    return found === undefined ? null : { id: found.slice(2) };
  };
  const scope = { route: place('r'), service: place('s'), consumer: place('c') };
  return row(id, { name, enabled: true, config: {}, protocols: ['http', 'https'], ...scope, ...fields });
};

/** Plugins that record their runs and compilations. */
function world() {
  const compiled: string[] = [];
  const definition = (name: string, priority: number, authenticates = false): PluginDefinition => ({
    name,
    priority,
    authenticates,
    compile(config, { pluginId }: PluginPlace) {
      if (config['broken'] === true) throw new TypeError('config.broken: is broken');
      compiled.push(pluginId);
      return {
        access(exchange) {
          ran.push(pluginId);
          if (authenticates) {
            const id = exchange.request.header('x-who');
            if (id !== undefined) {
              const consumer = { id, username: id, customId: undefined };
              exchange.identity = { consumer, anonymous: false, credential: undefined };
            }
          }
          return undefined;
        },
        respond(_, head) {
          head.addHeader('Responded', pluginId);
        },
      };
    },
  });
  let ran: string[] = [];
  const definitions = new Map(
    [definition('cors', 2000), definition('auth', 1400, true), definition('limit', 900), definition('also', 900)].map(
      (one) => [one.name, one],
    ),
  );
  const tools = {} as Configuration['tools'];
  const snapshot = (rows: Partial<Configuration>): Snapshot =>
    compileSnapshot({ services: [], routes: [], plugins: [], definitions, tools, ...rows });
  /** The ids of the plugins that ran on the request, and on the response. */
  const run = (of: Snapshot, line: string, who?: string): { access: string[]; respond: string[] } => {
    const { hooks, exchange } = matched(of, line, who);
    ran = [];
    for (const { access } of hooks) access?.(exchange);
    return { access: ran, respond: responded(hooks, exchange) };
  };
  return { compiled, snapshot, run, definitions };
}

function matched(of: Snapshot, line: string, who?: string): Match & { exchange: Exchange } {
  const sent = request(line, who === undefined ? {} : { 'X-Who': who });
  const found = of.match(sent);
  if (!('hooks' in found)) throw new Error(`${line}: ${found.status}`);
  const exchange = { request: sent, identity: undefined } as unknown as Exchange;
  return { ...found, exchange };
}

function responded(hooks: Match['hooks'], exchange: Exchange): string[] {
  const ids: string[] = [];
  const head = { addHeader: (_: string, value: string) => void ids.push(value) } as unknown as ResponseHead;
  for (const { respond } of hooks) respond?.(exchange, head);
  return ids;
}

describe('A snapshot', () => {
  describe('runs plugins', () => {
    it('by priority, and by name if that is equal', () => {
      const { snapshot, run } = world();
      const of = snapshot({
        services: [service('s')],
        routes: [route('r', 's')],
        plugins: [plugin('1', 'limit'), plugin('2', 'cors'), plugin('3', 'also'), plugin('4', 'auth')],
      });
      expect(run(of, 'GET /r').access).to.deep.equal(['2', '4', '3', '1']);
      expect(matched(of, 'GET /r').authenticates).to.equal(true);
    });

    it('bearer/scopes-of-plugins: of one name the most specific only, route over service over everywhere', () => {
      const { snapshot, run } = world();
      const of = snapshot({
        services: [service('s'), service('t')],
        routes: [route('r1', 's'), route('r2', 's'), route('r3', 't'), route('r4', null)],
        plugins: [
          ...[plugin('all', 'limit'), plugin('s', 'limit', 's:s'), plugin('r2', 'limit', 'r:r2')],
          ...[plugin('both', 'limit', 'r:r1 s:s'), plugin('foreign', 'limit', 'r:r3 s:s')],
        ],
      });
      expect(run(of, 'GET /r1').access).to.deep.equal(['both']);
      expect(run(of, 'GET /r2').access).to.deep.equal(['r2']);
      expect(run(of, 'GET /r3').access).to.deep.equal(['all']);
      expect(run(of, 'GET /r4').access).to.deep.equal(['all']);
    });

    it('of a consumer once the caller is authenticated', () => {
      const { snapshot, run } = world();
      const of = snapshot({
        services: [service('s')],
        routes: [route('r', 's'), route('open', 's')],
        plugins: [
          ...[plugin('auth', 'auth', 'r:r'), plugin('any', 'limit'), plugin('alice', 'limit', 'c:alice')],
          ...[plugin('early', 'cors', 'c:alice'), plugin('bob', 'also', 'c:bob')],
        ],
      });
      expect(run(of, 'GET /r', 'alice').access, 'alice').to.deep.equal(['auth', 'alice']);
      expect(run(of, 'GET /r', 'bob').access, 'bob').to.deep.equal(['auth', 'bob', 'any']);
      expect(run(of, 'GET /r').access, 'no caller').to.deep.equal(['auth', 'any']);
      expect(run(of, 'GET /open', 'alice').access, 'not asked').to.deep.equal(['any']);
    });

    it('of a consumer with route and service, then with either, then of route and service, then of the consumer', () => {
      const { snapshot, run } = world();
      const steps = [
        ['crs', 'c:x r:r s:s'],
        ['cr', 'c:x r:r'],
        ['cs', 'c:x s:s'],
        ['rs', 'r:r s:s'],
        ['c', 'c:x'],
        ['r', 'r:r'],
        ['s', 's:s'],
        ['g', ''],
      ] as const;
      for (const [i, [expected]] of steps.entries()) {
        const of = snapshot({
          services: [service('s')],
          routes: [route('r', 's')],
          plugins: [plugin('auth', 'auth'), ...steps.slice(i).map(([id, on]) => plugin(id, 'limit', on))],
        });
        expect(run(of, 'GET /r', 'x').access.slice(1)).to.deep.equal([expected]);
      }
    });

    it('on the response those that ran on the request, whichever caller was authenticated since', () => {
      const { snapshot, run } = world();
      const of = snapshot({
        services: [service('s')],
        routes: [route('r', 's')],
        plugins: [plugin('auth', 'auth'), plugin('early', 'cors'), plugin('alice', 'cors', 'c:alice')],
      });
      expect(run(of, 'GET /r', 'alice')).to.deep.equal({ access: ['early', 'auth'], respond: ['early', 'auth'] });
    });

    it('on the response also those that did not run on the request', () => {
      const { snapshot } = world();
      const of = snapshot({
        services: [service('s')],
        routes: [route('r', 's')],
        plugins: [plugin('any', 'limit'), plugin('alice', 'limit', 'c:alice')],
      });
      const { hooks, exchange } = matched(of, 'GET /r');
      expect(responded(hooks, exchange)).to.deep.equal(['any']);
    });

    it('that are enabled, and for HTTP', () => {
      const { snapshot, run } = world();
      const of = snapshot({
        services: [service('s')],
        routes: [route('r', 's')],
        plugins: [
          ...[plugin('all', 'limit'), plugin('off', 'limit', 'r:r', { enabled: false })],
          ...[plugin('tcp', 'auth', '', { protocols: ['tcp'] }), plugin('gone', 'no-such', '', { enabled: false })],
        ],
      });
      expect(run(of, 'GET /r').access).to.deep.equal(['all']);
      expect(matched(of, 'GET /r').authenticates).to.equal(false);
    });
  });

  it('has the address, the timeouts and the path of a service', () => {
    const { snapshot } = world();
    const s = service('s', {
      ...{ name: 'api', protocol: 'https', port: 8443, path: '/up', retries: 1, tls_verify: true },
      ...{ connect_timeout: 1, write_timeout: 2, read_timeout: 3 },
    });
    const found = matched(
      snapshot({ services: [s], routes: [route('r', 's', { preserve_host: true })] }),
      'GET /r/x?y',
    );
    expect(found.service).to.deep.equal({
      ...{ id: 's', name: 'api', protocol: 'https', host: 's.example', port: 8443, retries: 1, tlsVerify: true },
      ...{ connectTimeout: 1, writeTimeout: 2, readTimeout: 3 },
    });
    expect(found).to.include({ upstreamTarget: '/up/x?y', strippedPrefix: '/r', preserveHost: true, path: '/r/x' });
  });

  describe('compiled after another', () => {
    const services = [service('s'), service('t')];
    const routes = [route('r1', 's', { paths: ['~/r1/\\d'] }), route('r2', 't')];
    const plugins = [plugin('auth', 'auth'), plugin('s', 'limit', 's:s'), plugin('c', 'limit', 'c:alice')];
    const again = (rows: readonly Entity[]) => rows.map((one) => JSON.parse(JSON.stringify(one)) as Entity);

    it('compiles each plugin once, for as many routes as it is on', () => {
      const { snapshot, compiled } = world();
      const first = snapshot({ services, routes, plugins });
      expect(compiled).to.deep.equal(['auth', 's', 'c']);
      snapshot({ services: again(services), routes: again(routes), plugins: again(plugins), previous: first });
      expect(compiled).to.have.length(3);
    });

    it('compiles only the plugin that changed, and keeps the hooks of other routes', () => {
      const { snapshot, compiled } = world();
      const first = snapshot({ services, routes, plugins });
      const changed = again(plugins).with(1, plugin('s', 'limit', 's:s', { config: { minute: 1 } }));
      const second = snapshot({ services: again(services), routes: again(routes), plugins: changed, previous: first });
      expect(compiled.slice(3)).to.deep.equal(['s']);
      expect(matched(second, 'GET /r2').hooks).to.equal(matched(first, 'GET /r2').hooks);
      expect(matched(second, 'GET /r1/1').hooks).not.to.equal(matched(first, 'GET /r1/1').hooks);
    });

    it('does not change the one before', () => {
      const { snapshot } = world();
      const first = snapshot({ services, routes, plugins });
      const second = snapshot({ services, routes: [routes[0]!], plugins: [], previous: first });
      expect(second.match(request('GET /r2'))).to.have.property('status', 404);
      expect(matched(second, 'GET /r1/1').hooks).to.deep.equal([]);
      expect(matched(first, 'GET /r2').hooks).to.have.length(2);
    });

    it('has the changes of a service and of a route', () => {
      const { snapshot } = world();
      const first = snapshot({ services, routes, plugins });
      const moved = [service('s', { host: 'moved.example' }), service('t', { enabled: false })];
      const renamed = [route('r1', 's', { paths: ['/new'] }), routes[1]!];
      const second = snapshot({ services: moved, routes: renamed, plugins, previous: first });
      expect(matched(second, 'GET /new').service).to.have.property('host', 'moved.example');
      expect(second.match(request('GET /r1/1'))).to.have.property('status', 404);
      expect(second.match(request('GET /r2'))).to.have.property('status', 404);
    });

    it('with other definitions compiles all rows again', () => {
      const { snapshot, compiled, definitions } = world();
      const first = snapshot({ services, routes, plugins });
      snapshot({ services, routes, plugins, previous: first, definitions: new Map(definitions) });
      expect(compiled).to.have.length(6);
    });
  });

  describe('of rows that do not compile', () => {
    const services = [service('s')];
    const routes = [route('r', 's'), route('other', 's')];

    it('throws the name of the row', () => {
      const { snapshot } = world();
      const compile = (rows: Partial<Configuration>) => () => snapshot({ services, routes, ...rows });
      expect(compile({ plugins: [plugin('p', 'no-such')] })).to.throw('plugins p: name: there is no plugin "no-such"');
      expect(compile({ plugins: [plugin('p', 'limit', '', { config: { broken: true } })] })).to.throw(
        'plugins p: config.broken: is broken',
      );
      expect(compile({ routes: [route('x', 's', { paths: ['~/(?=a)'] })] })).to.throw(/^routes x: .*look-ahead/);
      expect(compile({ routes: [route('x', 's', { hosts: 'h' })] })).to.throw('routes x: hosts is not a list');
      expect(compile({ routes: [route('x', 'gone')] })).to.throw('routes x: service: gone does not exist');
      expect(compile({ services: [service('s', { port: 'x' })] })).to.throw('services s: port is not a number');
    });

    it('has all other rows, and reports each of these once', () => {
      const { snapshot } = world();
      const reported: string[] = [];
      const refused = (kind: string, id: string, why: string) => void reported.push(`${kind} ${id}: ${why}`);
      const rows = { services, routes: [...routes, route('x', 's', { paths: ['~/('] }), route('y', 'gone')], refused };
      const first = snapshot(rows);
      expect(reported).to.have.length(2);
      expect(matched(first, 'GET /r').routeId).to.equal('r');
      snapshot({ ...rows, previous: first });
      expect(reported).to.have.length(2);
    });

    it('admits no request where a plugin cannot run', () => {
      const { snapshot, run } = world();
      const refused = () => undefined;
      for (const broken of [plugin('p', 'auth', 'r:r', { config: { broken: true } }), plugin('p', 'no-such', 'r:r')]) {
        const of = snapshot({ services, routes, plugins: [plugin('any', 'limit'), broken], refused });
        const { hooks, exchange, authenticates } = matched(of, 'GET /r');
        const decisions = hooks.map(({ access }) => access?.(exchange)).filter((decision) => decision !== undefined);
        expect(decisions).to.have.length(1);
        expect(decisions[0]).to.include({ status: 503 });
        expect(authenticates).to.equal(true);
        expect(run(of, 'GET /other').access).to.deep.equal(['any']);
      }
    });

    it('does not admit the consumer whose plugin cannot run', () => {
      const { snapshot } = world();
      const plugins = [plugin('auth', 'auth'), plugin('p', 'no-such', 'c:alice')];
      const of = snapshot({ services, routes, plugins, refused: () => undefined });
      for (const [who, status] of [
        ['alice', 503],
        ['bob', undefined],
      ] as const) {
        const { hooks, exchange } = matched(of, 'GET /r', who);
        const decisions = hooks.map(({ access }) => access?.(exchange) as { status: number } | undefined);
        expect(decisions.at(-1)?.status).to.equal(status);
      }
    });
  });
});

/** `/oauth2/token` and its like at the root, for requests that match no route. */
import { expect } from 'chai';
import { compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { PluginDefinition } from '../../src/gateway/plugin.ts';
import type { ProxiedRequest } from '../../src/gateway/proxied-request.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { request } from './request.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A gate whose routes have an authorization server each, of a service each. */
function gate(routes: Readonly<Record<string, Fields>>, service: Fields = {}) {
  const oauth2: PluginDefinition = {
    name: 'oauth2',
    priority: 1400,
    authenticates: true,
    compile: (_config, { pluginId }) => ({ issues: pluginId }),
  };
  const names = Object.keys(routes);
  const found = compileSnapshot({
    services: names.map(
      (id) => ({ id, protocol: 'http', host: `${id}.internal`, port: 80, path: '/base', ...service }) as Entity,
    ),
    routes: names.map((id) => ({ id, service: { id }, protocols: ['http'], ...routes[id] }) as Entity),
    plugins: names.map((id) => ({ id, name: 'oauth2', enabled: true, config: {}, service: { id } }) as Entity),
    definitions: new Map([['oauth2', oauth2]]),
    tools: {} as never,
  });
  return (line: string, headers: Record<string, string> = {}, also: Partial<ProxiedRequest> = {}) => {
    const match = found.match(request(line, headers, also));
    return 'hooks' in match ? `${match.routeId} ${match.upstreamTarget}` : match.status;
  };
}

describe('The OAuth endpoints at the root', () => {
  const internal = { Host: 'internal.example' };

  it('KD-26: are those of the only authorization server, below the path of its service', () => {
    const ask = gate({ one: { paths: ['/private'] } });
    expect(ask('POST /oauth2/token?a=1')).to.equal('one /base/oauth2/token?a=1');
    expect(ask('POST /oauth2/token/')).to.equal('one /base/oauth2/token/');
    expect(ask('GET /oauth2/authorize')).to.equal('one /base/oauth2/authorize');
    expect(ask('DELETE /oauth2/tokens')).to.equal('one /base/oauth2/tokens');
    expect(ask('POST /oauth2/%74oken')).to.equal('one /base/oauth2/token');
    for (const line of ['GET /oauth2/tokens', 'POST /oauth2/tokens', 'POST /oauth2/token/x', 'POST /Oauth2/token']) {
      expect(ask(line), line).to.equal(404);
    }
  });

  it('obey the host, the methods and the headers of the route, and use the normalised path', () => {
    const ask = gate({
      one: { paths: ['/private'], hosts: ['internal.example'], methods: ['POST', 'DELETE'], headers: { 'x-v': ['1'] } },
    });
    const all = { ...internal, 'X-V': '1' };
    expect(ask('POST /oauth2/token', all)).to.equal('one /base/oauth2/token');
    expect(ask('DELETE /private/../oauth2/tokens', all)).to.equal('one /base/oauth2/tokens');
    expect(ask('GET /private/../oauth2/tokens', { Host: 'evil.example' })).to.equal(404);
    expect(ask('GET /private/../oauth2/tokens', all)).to.equal(404);
    expect(ask('DELETE /private/../oauth2/tokens', { ...all, Host: 'evil.example' })).to.equal(404);
    expect(ask('POST /oauth2/token', { ...all, Host: 'evil.example' })).to.equal(404);
    expect(ask('GET /oauth2/authorize', all)).to.equal(404);
    expect(ask('POST /oauth2/token', internal)).to.equal(404);
  });

  it('obey the server names and the protocols of the route', () => {
    const ask = gate({ one: { paths: ['/private'], snis: ['*.foo.test'], protocols: ['https'] } });
    const tls = { scheme: 'https' as const };
    expect(ask('POST /oauth2/token', {}, { ...tls, sni: 'a.foo.test' })).to.equal('one /base/oauth2/token');
    expect(ask('POST /oauth2/token', {}, { ...tls, sni: 'a.bar.test' })).to.equal(404);
    expect(ask('POST /oauth2/token')).to.equal(426);
    expect(gate({ one: { paths: ['/p'], protocols: ['ws'] } })('POST /oauth2/token')).to.equal(426);
    expect(gate({ one: { paths: ['/p'], protocols: ['grpc'], strip_path: false } })('POST /oauth2/token')).to.equal(
      415,
    );
  });

  it('obey strict_paths of the route', () => {
    const ask = gate({ one: { paths: ['/private'], strict_paths: true } });
    expect(ask('POST /oauth2/token')).to.equal('one /base/oauth2/token');
    expect(ask('POST /;x/../oauth2/token')).to.equal(400);
  });

  it('are those of the server that the host names, where there are several', () => {
    const ask = gate({
      one: { paths: ['/a'], hosts: ['internal.example'] },
      two: { paths: ['/b'], hosts: ['other.example'] },
    });
    expect(ask('POST /oauth2/token', internal)).to.equal('one /base/oauth2/token');
    expect(ask('POST /oauth2/token', { Host: 'other.example' })).to.equal('two /base/oauth2/token');
    expect(ask('POST /oauth2/token')).to.equal(404);
  });

  it('of several servers that are possible none responds, and the response names no hosts or paths', () => {
    const routes = { one: { paths: ['/secret-a'], hosts: ['internal.example'] }, two: { paths: ['/secret-b'] } };
    const services = ['one', 'two'];
    expect(gate(routes)('GET /oauth2/token', internal)).to.equal(400);
    const snapshot = compileSnapshot({
      services: services.map((id) => ({ id, protocol: 'http', host: 'h', port: 80, path: null }) as Entity),
      routes: services.map((id) => ({ id, service: { id }, ...routes[id as 'one'] }) as Entity),
      plugins: services.map((id) => ({ id, name: 'oauth2', enabled: true, config: {}, service: { id } }) as Entity),
      definitions: new Map([
        ['oauth2', { name: 'oauth2', priority: 1, authenticates: true, compile: () => ({ issues: 'x' }) }],
      ]),
      tools: {} as never,
    });
    const refused = snapshot.match(request('GET /oauth2/token', internal));
    expect(refused).to.include({ status: 400, refusal: 'root_endpoint_ambiguous' });
    expect(JSON.stringify(refused)).to.not.match(/secret|internal|choices/);
  });
});

import { expect } from 'chai';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { draftInsert, finished, violationsOf } from '../../src/schema/draft.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { printedSchema } from '../../src/schema/printing.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);
const uuid = '00000000-0000-4000-8000-000000000001';
const auto = { now: 5_000_000, uuid, tokens: ['token-1', 'token-2', 'token-3'] };

const draft = (name: string, sent: JsonObject) => draftInsert(entities.get(name)!, sent, auto);
const wrong = (name: string, sent: JsonObject) => violationsOf(draft(name, sent));
const row = (name: string, sent: JsonObject): Entity => {
  expect(wrong(name, sent)).to.equal(undefined);
  return finished(draft(name, sent));
};

describe('A service', () => {
  const urls: readonly (readonly [url: string, parts: JsonObject])[] = [
    ['http://x.example', { protocol: 'http', host: 'x.example', port: 80, path: null }],
    ['https://x.example', { protocol: 'https', host: 'x.example', port: 443, path: null }],
    ['http://x.example:8080/base?x=1#f', { protocol: 'http', host: 'x.example', port: 8080, path: '/base' }],
    ['//x.example:443/a', { protocol: 'https', host: 'x.example', port: 443, path: '/a' }],
    ['http://[::1]:81/v6', { protocol: 'http', host: '::1', port: 81, path: '/v6' }],
    ['ws://x.example:8080/', { protocol: 'ws', host: 'x.example', port: 8080, path: '/' }],
    ['wss://x.example', { protocol: 'wss', host: 'x.example', port: 443, path: null }],
    ['tcp://x.example:5', { protocol: 'tcp', host: 'x.example', port: 5, path: null }],
    ['http://u:p@x.example/', { protocol: 'http', host: 'x.example', port: 80, path: '/' }],
    ['http://x_y.example', { host: 'x_y.example' }],
  ];
  for (const [url, parts] of urls) {
    it(`is read from ${url}`, () => expect(row('services', { url })).to.deep.include(parts));
  }

  const hosts: readonly (readonly [host: string, wrong: string | undefined])[] = [
    ['a.example', undefined],
    ['a.example.', undefined],
    ['a', undefined],
    ['1.2.3.4', undefined],
    ['::1', undefined],
    ['fe80::1:2', undefined],
    ['a b', 'invalid value: a b'],
    ['*.example', 'invalid value: *.example'],
    ['-a.example', 'invalid value: -a.example'],
    ['a..b', 'invalid value: a..b'],
    ['1.2.3.256', 'invalid value: 1.2.3.256'],
    ['1::2::3', 'invalid value: 1::2::3'],
    ['a.example:80', 'must not have a port'],
    ['a.example:99999', 'must not have a port'],
    ['1.2.3.4:80', 'must not have a port'],
    ['[::1]:80', 'must not have a port'],
  ];
  for (const [host, said] of hosts) {
    it(`${said === undefined ? 'can' : 'cannot'} have the host ${host}`, () => {
      expect(wrong('services', { host })).to.deep.equal(said === undefined ? undefined : { host: said });
    });
  }

  const routeHosts: readonly (readonly [host: string, wrong: string | undefined])[] = [
    ['*.example', undefined],
    ['shop.*', undefined],
    ['*', 'invalid wildcard: must be placed at leftmost or rightmost label'],
    ['a.*.example', 'invalid wildcard: must be placed at leftmost or rightmost label'],
    ['*a.example', 'invalid wildcard: must be placed at leftmost or rightmost label'],
    ['*.shop.*', 'invalid wildcard: must have at most one wildcard'],
    ['*.*.example', 'invalid wildcard: must have at most one wildcard'],
    ['shop.*.*', 'invalid wildcard: must have at most one wildcard'],
  ];
  for (const [host, said] of routeHosts) {
    it(`a route ${said === undefined ? 'can' : 'cannot'} have the host ${host}`, () => {
      expect(wrong('routes', { hosts: [host] })).to.deep.equal(said === undefined ? undefined : { hosts: [said] });
    });
  }

  const paths: readonly (readonly [path: string, wrong: string | undefined])[] = [
    ['/', undefined],
    ['/a-b_c.d~e/%2F', undefined],
    ["/:@!$&'()*+,;=", undefined],
    ['a', 'should start with: /'],
    ['/a//b', 'must not have empty segments'],
    ['/a b', "invalid path: '/a b' (characters outside of the reserved list of RFC 3986 found)"],
    ['/%z', "invalid url-encoded value: '%z'"],
  ];
  for (const [path, said] of paths) {
    it(`${said === undefined ? 'can' : 'cannot'} have the path ${path}`, () => {
      expect(wrong('services', { host: 'h', path })).to.deep.equal(said === undefined ? undefined : { path: said });
    });
  }

  it('over TCP has no path, and without TLS no certificate to verify', () => {
    const failed = "failed conditional validation given value of field 'protocol'";
    expect(wrong('services', { host: 'h', protocol: 'tcp', path: '/p' })).to.deep.equal({
      path: 'value must be null',
      '@entity': [failed],
    });
    expect(wrong('services', { host: 'h', tls_verify: true, tls_verify_depth: 1 })).to.deep.equal({
      tls_verify: 'value must be null',
      tls_verify_depth: 'value must be null',
      '@entity': [failed, failed],
    });
    expect(wrong('services', { host: 'h', protocol: 'https', tls_verify: true })).to.equal(undefined);
  });

  it('has a name that can be a path segment', () => {
    expect(wrong('services', { host: 'h', name: 'a.b-c_d~e' })).to.equal(undefined);
    expect(wrong('services', { host: 'h', name: 'Zoë' })).to.equal(undefined);
    expect(wrong('services', { host: 'h', name: 'a/b' }))
      .to.have.property('name')
      .that.includes("'a/b'");
  });

  it('has tags without the separators of lists of tags', () => {
    expect(wrong('services', { host: 'h', tags: ['a b', 'é'] })).to.equal(undefined);
    for (const tag of ['a,b', 'a/b', 'a\tb']) {
      expect(wrong('services', { host: 'h', tags: [tag] }))
        .to.have.nested.property('tags[0]')
        .that.includes('invalid tag');
    }
  });
});

describe('A route', () => {
  it('must match by at least one field that its protocols allow', () => {
    const entity = (protocols: string[]) => wrong('routes', { protocols })!['@entity'];
    expect(entity(['http', 'https'])).to.deep.equal([
      "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'",
    ]);
    expect(entity(['http'])).to.deep.equal([
      "must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'",
    ]);
    expect(entity(['grpcs'])).to.deep.equal([
      "must set one of 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'grpcs'",
    ]);
    expect(entity(['tls'])).to.deep.equal([
      "must set one of 'sources', 'destinations', 'snis' when 'protocols' is 'tcp', 'tls' or 'udp'",
    ]);
    expect(entity(['tls_passthrough'])).to.deep.equal(["must set snis when 'protocols' is 'tls_passthrough'"]);
  });

  it('is matched by valid header names only', () => {
    const wrongHeaders = (headers: Json) => wrong('routes', { headers })?.['headers'];
    expect(wrongHeaders({ 'x-a_1': ['b'] })).to.equal(undefined);
    expect(wrongHeaders({ 'x a': ['b'] })).to.equal(
      "bad header name 'x a', allowed characters are A-Z, a-z, 0-9, '_', and '-'",
    );
    expect(wrongHeaders({ Host: ['b'] })).to.match(/^cannot contain 'host' header/);
  });

  it('for gRPC has strip_path false by default', () => {
    expect(row('routes', { protocols: ['grpc'], paths: ['/a'] })).to.deep.include({ strip_path: false });
    expect(wrong('routes', { protocols: ['grpc'], paths: ['/a'], strip_path: true })).to.deep.equal({
      strip_path: "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'",
    });
  });

  it('for WebSockets matches by host, header or path, and has no other protocols', () => {
    expect(row('routes', { protocols: ['wss'], hosts: ['h.example'] })).to.deep.include({ protocols: ['wss'] });
    expect(wrong('routes', { protocols: ['wss'], methods: ['POST'] })).to.deep.equal({
      methods: "cannot set 'methods' when 'protocols' is 'ws' or 'wss'",
      '@entity': ["must set one of 'hosts', 'headers', 'paths' when 'protocols' is 'wss'"],
    });
    expect(wrong('routes', { protocols: ['ws', 'http'], paths: ['/a'] })).to.deep.equal({
      protocols: "these sets are mutually exclusive: ('http', 'https'), ('ws', 'wss')",
    });
  });

  it('with unknown protocols is not validated further', () => {
    expect(wrong('routes', { protocols: ['quic'], nope: 1 })).to.deep.equal({ protocols: 'unknown type: quic' });
    expect(wrong('routes', { protocols: [] })).to.deep.equal({ protocols: 'unknown type: nil' });
    expect(wrong('routes', { protocols: 5 })).to.deep.equal({ protocols: 'expected a set' });
    expect(wrong('routes', { protocols: 'http' })).to.have.property('protocols', 'expected a set');
  });

  it('has server names only with TLS, and no addresses among them', () => {
    expect(wrong('routes', { protocols: ['http'], paths: ['/a'], snis: ['a.example'] })).to.deep.equal({
      snis: 'length must be 0',
      '@entity': ["'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'"],
    });
    expect(wrong('routes', { snis: ['*.example', 'a.*'] })).to.equal(undefined);
    expect(wrong('routes', { snis: ['a.*.b', '*.*', '1.2.3.4', 'a.example:1', 'a b'] })).to.deep.equal({
      snis: [
        'wildcard must be leftmost or rightmost character',
        'only one wildcard must be specified',
        'must not be an IP',
        'must not have a port',
        'invalid value: a b',
      ],
    });
  });

  it('of a stream matches by addresses and ports', () => {
    const sources = [{ ip: '10.0.0.0/8' }, { port: 5 }, { ip: '::1/128', port: 6 }];
    expect(row('routes', { protocols: ['tcp'], sources })['sources']).to.deep.equal([
      { ip: '10.0.0.0/8', port: null },
      { ip: null, port: 5 },
      { ip: '::1/128', port: 6 },
    ]);
    expect(wrong('routes', { protocols: ['tcp'], sources: [{ ip: '10.0.0.0/33' }, {}] })).to.deep.equal({
      sources: [
        { ip: "invalid ip or cidr range: '10.0.0.0/33'" },
        { '@entity': ["at least one of these fields must be non-empty: 'ip', 'port'"] },
      ],
    });
  });

  it('has paths and header values that the router can match by', () => {
    expect(wrong('routes', { paths: ['~/('] }))
      .to.have.nested.property('paths[0]')
      .that.includes("invalid regex: '/('");
    expect(wrong('routes', { paths: ['/%61'] }))
      .to.have.nested.property('paths[0]')
      .that.includes("'/a'");
    expect(wrong('routes', { headers: { 'x-a': ['~*('] } })).to.have.property('headers');
  });
});

describe('A consumer', () => {
  it('has a username or a custom_id', () => {
    expect(wrong('consumers', {})).to.deep.equal({
      '@entity': ["at least one of these fields must be non-empty: 'custom_id', 'username'"],
    });
    expect(row('consumers', { custom_id: 'x' })).to.deep.include({ username: null, custom_id: 'x' });
  });
});

describe('A client', () => {
  const client = { name: 'app', consumer: { id: uuid } };

  it('gets an id and a secret if none is sent', () => {
    expect(row('oauth2_credentials', client)).to.deep.include({ client_id: 'token-1', client_secret: 'token-2' });
    expect(row('oauth2_credentials', { ...client, client_id: null })).to.deep.include({
      client_id: null,
      client_secret: 'token-2',
    });
  });

  // RFC 6749 §3.1.2
  it('AZ-10: has absolute redirect URIs without a fragment', () => {
    const uris = ['/cb', 'x', 'http:', 'urn:x:y', 'https://a.example/cb#x', 'https://a.example/cb?x=1', 'myapp://cb'];
    expect(wrong('oauth2_credentials', { ...client, redirect_uris: uris })).to.deep.equal({
      redirect_uris: [
        "cannot parse '/cb'",
        "cannot parse 'x'",
        "cannot parse 'http:'",
        "cannot parse 'urn:x:y'",
        "fragment not allowed in 'https://a.example/cb#x'",
      ],
    });
  });

  it('can have one redirect_uri, as in older tutorials', () => {
    const redirect_uri = 'https://a.example/cb';
    expect(row('oauth2_credentials', { ...client, redirect_uri })).to.deep.include({ redirect_uris: [redirect_uri] });
    expect(wrong('oauth2_credentials', { ...client, redirect_uri: 'x' })).to.deep.equal({
      redirect_uris: ["cannot parse 'x'"],
    });
  });
});

describe('The kinds of the entities', () => {
  it('each kind comes after the kinds that it refers to', () => {
    const order = [...entities.keys()];
    for (const description of entities.values()) {
      for (const { kind } of kindOf(description).foreign) {
        expect(order.indexOf(kind), `${description.name} refers to ${kind}`).to.be.within(
          0,
          order.indexOf(description.name) - 1,
        );
      }
    }
  });

  it('one description always gives the same kind', () => {
    const services = entities.get('services')!;
    expect(kindOf(services)).to.equal(kindOf(services));
  });

  it('names the unique fields, the references, and what happens on removal', () => {
    const { unique, uniqueTogether, foreign } = kindOf(entities.get('plugins')!);
    expect(unique).to.deep.equal(['instance_name']);
    expect(uniqueTogether).to.deep.equal([['name', 'route', 'service', 'consumer']]);
    expect(foreign).to.deep.include({ field: 'route', kind: 'routes', onDelete: 'cascade' });
    expect(kindOf(entities.get('routes')!).foreign).to.deep.equal([
      { field: 'service', kind: 'services', onDelete: 'restrict' },
    ]);
  });

  it('SE-01: names the secrets that are encrypted at rest', () => {
    const plugin = row('plugins', { name: 'oauth2', config: { enable_client_credentials: true } });
    expect(kindOf(entities.get('plugins')!).encrypted(plugin)).to.deep.equal(['config.provision_key']);
    const client = row('oauth2_credentials', { name: 'app', consumer: { id: uuid } });
    expect(kindOf(entities.get('oauth2_credentials')!).encrypted(client)).to.deep.equal(['client_secret']);
    expect(kindOf(entities.get('oauth2_credentials')!).encrypted({ ...client, client_secret: null })).to.deep.equal([]);
    const ofKey = kindOf(entities.get('keys')!).encrypted;
    const key = { id: uuid, kid: 'k', pem: null, jwk: null };
    expect(ofKey({ ...key, jwk: '{}' })).to.deep.equal(['jwk']);
    expect(ofKey({ ...key, pem: { private_key: 'p', public_key: 'q' } })).to.deep.equal(['pem.private_key']);
    expect(ofKey({ ...key, pem: { private_key: null, public_key: 'q' } })).to.deep.equal([]);
  });
});

describe('What /schemas prints', () => {
  it('is the rules by their names, without code and without fields that Kong does not have', () => {
    const { fields, entity_checks } = pluginDescriptions.get('oauth2')!;
    const printed = JSON.parse(JSON.stringify(printedSchema(fields, entity_checks)));
    expect(Object.keys(printed)).to.deep.equal(['fields', 'entity_checks']);
    const config = printed.fields.find((field: object) => 'config' in field).config;
    const names = config.fields.map((field: object) => Object.keys(field)[0]);
    expect(names).to.have.length(17);
    expect(names).not.to.include.members(['profile', 'refresh_token_grace', 'token_default_scopes', 'limit_failures']);
    expect(config.entity_checks).to.have.length(1);
    expect(config.fields[5].enable_implicit_grant).to.deep.include({ type: 'boolean', default: false, required: true });
    expect(JSON.stringify(printed)).not.to.match(/encrypted|formSeparator|aliases|unlessSet/);
  });

  it('shows patterns in the notation of Kong', () => {
    const printed = JSON.stringify(printedSchema(entities.get('routes')!.fields));
    expect(printed).to.include('"type":"set","elements":{"type":"string","match":"^%u+$"}');
  });

  it("has Kong's protocols, and not those that only the gate accepts", () => {
    for (const name of ['routes', 'services']) {
      expect(JSON.stringify(printedSchema(entities.get(name)!.fields))).not.to.match(/"wss?"|"also"/);
    }
  });
});

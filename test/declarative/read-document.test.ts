import { expect } from 'chai';
import fc from 'fast-check';
import { problemText } from '../../src/declarative/document.ts';
import { namedId } from '../../src/declarative/named-id.ts';
import { type DocumentRead, readDocument } from '../../src/declarative/read-document.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { a, authority, b } from '../support/certificates.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);

describe('Reading a declarative configuration', () => {
  it('gives the same rows for flat and for nested entities', () => {
    const nested = rowsOf({
      services: [
        {
          name: 'api',
          url: 'http://u:1/p',
          routes: [
            {
              name: 'r',
              paths: ['/a'],
              plugins: [{ name: 'oauth2', config: { enable_client_credentials: true, scopes: ['x'] } }],
            },
          ],
        },
      ],
      consumers: [{ username: 'bob', oauth2_credentials: [{ name: 'app', client_id: 'app', client_secret: 's' }] }],
    });
    const flat = rowsOf({
      services: [{ name: 'api', url: 'http://u:1/p' }],
      routes: [{ name: 'r', paths: ['/a'], service: 'api' }],
      plugins: [
        { name: 'oauth2', config: { enable_client_credentials: true, scopes: ['x'] }, route: namedId('routes', 'r') },
      ],
      consumers: [{ username: 'bob' }],
      oauth2_credentials: [{ name: 'app', client_id: 'app', client_secret: 's', consumer: { username: 'bob' } }],
    });
    expect(new Set(flat)).to.have.deep.members([...nested]);
    expect(nested.map(({ id }) => id)).to.include.members([
      namedId('services', 'api'),
      namedId('routes', 'r'),
      namedId('consumers', 'bob'),
      namedId('oauth2_credentials', 'app'),
    ]);
  });

  it('has the defaults, shorthands and aliases of the Admin API', () => {
    const [service] = rowsOf({ services: [{ name: 'a', url: 'https://h' }] });
    expect(service).to.deep.include({
      protocol: 'https',
      port: 443,
      retries: 5,
      connect_timeout: 60000,
      enabled: true,
    });
    const rows = rowsOf({
      consumers: [{ username: 'b', oauth2_credentials: [{ name: 'n', redirect_uri: 'https://x/y' }] }],
    });
    expect(rows[1]).to.deep.include({ redirect_uris: ['https://x/y'] });
  });

  it('certificates can have their SNIs, upstreams their targets; the id of a target depends on its upstream', () => {
    const rows = rowsOf({
      certificates: [{ ...a, snis: [{ name: 'a.example' }] }],
      ca_certificates: [{ cert: authority }],
      upstreams: [
        { name: 'u', targets: [{ target: 'h' }] },
        { name: 'v', targets: [{ target: 'h' }] },
      ],
      targets: [
        { target: 'g', upstream: 'u' },
        { target: 'g', upstream: 'v' },
      ],
    });
    expect(rows).to.have.length(9);
    expect(new Set(rows.map(({ id }) => id))).to.have.length(9);
    expect(rows.filter(({ target }) => target === 'h:8000')).to.have.length(2);
    expect(rows[1]!['certificate']).to.deep.equal({ id: rows[0]!.id });
    const wrong = readIn('3.0', { certificates: [{ cert: a.cert, key: b.key }] });
    expect(wrong.problems?.map(problemText)).to.deep.equal(['certificates[1]: certificate does not match key']);
  });

  it('keys can be nested in their set or name it, and their ids do not depend on the key', () => {
    const jwk = (k: string) => JSON.stringify({ kty: 'oct', kid: 'k', k });
    const nested = rowsOf({ key_sets: [{ name: 's', keys: [{ kid: 'k', jwk: jwk('one') }] }] });
    const changed = rowsOf({ key_sets: [{ name: 's', keys: [{ kid: 'k', jwk: jwk('two') }] }] });
    expect(changed.map(({ id }) => id)).to.deep.equal(nested.map(({ id }) => id));
    const flat = rowsOf({ key_sets: [{ name: 's' }], keys: [{ kid: 'k', jwk: jwk('two'), set: 's' }] });
    expect(nested[1]!['set']).to.deep.equal({ id: namedId('key_sets', 's') });
    expect(flat[1]!['set']).to.deep.equal({ id: namedId('key_sets', 's') });
    const named = rowsOf({ keys: [{ name: 'n', kid: 'k', jwk: jwk('one') }] });
    expect(named[0]!.id).to.equal(namedId('keys', 'n'));
    const twice = readIn('3.0', {
      keys: [
        { kid: 'k', jwk: jwk('one') },
        { kid: 'k', name: 'n', jwk: jwk('two') },
      ],
    });
    expect(twice.problems?.map(problemText)).to.deep.equal(['keys[2]: kid, set: the same as of keys[1] on line 1']);
  });

  it('a service has CA certificates of the file only', () => {
    const id = '00000000-0000-4000-8000-000000000001';
    const services = [{ name: 'a', url: 'https://h', tls_verify: true, ca_certificates: [id] }];
    expect(rowsOf({ services, ca_certificates: [{ id, cert: authority }] })).to.have.length(2);
    expect(readIn('3.0', { services }).problems?.map(problemText)).to.deep.equal([
      `services[1].ca_certificates[1]: the file has none of the ca_certificates with id "${id}"`,
    ]);
  });

  it('the file of a tutorial loads, except for its unknown plugin', () => {
    const tutorial = (plugins: Json) => ({
      services: [
        {
          name: 'demo-api',
          url: 'http://host.docker.internal:3000/api',
          routes: [{ name: 'demo-api-route', paths: ['/api'] }],
          plugins,
        },
      ],
    });
    expect(rowsOf({}, {}, '2.1')).to.deep.equal([]);
    expect(rowsOf(tutorial([]), {}, '2.1').map(({ name }) => name)).to.deep.equal(['demo-api', 'demo-api-route']);
    const config = {
      introspection_endpoint: 'http://host.docker.internal:8443/oauth/v2/oauth-introspect',
      scope: 'read',
    };
    expect(readIn('2.1', tutorial([{ name: 'phantom-token', config }])).problems?.map(problemText)).to.deep.equal([
      'services[1].plugins[1].name: this gate has no plugin "phantom-token"',
    ]);
  });

  it('without a name the id comes from the fields, never from a secret, and equal items are numbered', () => {
    const ids = (secret: string) =>
      rowsOf({
        services: [{ name: 'a', host: 'h', routes: [{ paths: ['/a'] }, { paths: ['/a'] }, { paths: ['/b'] }] }],
        consumers: [{ username: 'b', oauth2_credentials: [{ name: 'n', client_secret: secret }] }],
      }).map(({ id }) => id);
    expect(ids('one')).to.deep.equal(ids('another'));
    expect(new Set(ids('one'))).to.have.length(6);
  });

  it('SE-10: no id is derived from an API key', () => {
    const id = (key: string) => rowsOf({ consumers: [{ username: 'b', keyauth_credentials: [{ key }] }] })[1]!.id;
    expect(id('one')).to.equal(id('another'));
  });

  it('random values and the time of creation stay as they are stored', () => {
    const config = {
      services: [{ name: 'a', host: 'h', plugins: [{ name: 'oauth2', config: { enable_implicit_grant: true } }] }],
    };
    const first = rowsOf(config);
    const again = rowsOf(config, { stored: first, now: 1_900_000_000_000, token: () => 'another token' });
    expect(again[1]!['config']).to.deep.equal(first[1]!['config']);
    expect(again[0]!['created_at']).to.equal(first[0]!['created_at']);
    const rotated = rowsOf(
      {
        services: [
          {
            name: 'a',
            host: 'h',
            plugins: [{ name: 'oauth2', config: { enable_implicit_grant: true, provision_key: 'mine' } }],
          },
        ],
      },
      { stored: first },
    );
    expect(rotated[1]!['config']).to.include({ provision_key: 'mine' });
  });

  it('before 3.0 a path with characters of a regex is a regex; since then a regex begins with ~', () => {
    const paths = (version: string, path: string) =>
      rowsOf({ services: [{ name: 'a', host: 'h', routes: [{ paths: [path] }] }] }, {}, version)[1]!['paths'];
    expect(paths('2.1', '/v\\d+/x')).to.deep.equal(['~/v\\d+/x']);
    expect(paths('1.1', '/v(1|2)/sp%20ace')).to.deep.equal(['~/v(1|2)/sp ace']);
    expect(paths('1.1', '/a-b/c_d~')).to.deep.equal(['/a-b/c_d~']);
    expect(paths('3.0', '~/v\\d+')).to.deep.equal(['~/v\\d+']);
  });

  it('reports all problems at once, each with field and line', () => {
    const read = readIn('2.1', {
      services: [
        { name: 'a', hots: 'h', url: 'http://h', routes: [{ paths: ['a'] }], plugins: [{ name: 'phantom-token' }] },
        { name: 'a', url: 'http://h' },
        'what',
      ],
      routes: [{ paths: ['/b'], service: 'unknown' }],
      plugins: { name: 'oauth2' },
      consumer_group: [],
      oauth2_tokens: [],
      _infos: {},
    });
    expect(read.problems?.map(problemText)).to.have.members([
      'services[1].hots: unknown field',
      'services[1].routes[1].paths[1]: should start with: / (fixed path) or ~/ (regex path)',
      'services[1].plugins[1].name: this gate has no plugin "phantom-token"',
      'services[3]: expected an object',
      'routes[1].service: the file has none of the services with name "unknown"',
      'plugins: expected an array',
      `consumer_group: unknown entity; this gate has ${[...entities.keys()].filter((name) => name !== 'oauth2_tokens').join(', ')}`,
      'oauth2_tokens: tokens are in the store only, and no file changes them; remove them from the file',
      '_infos: unknown field',
    ]);
  });

  it('duplicate rows are reported with the line of the first', () => {
    const read = readDocument(
      {
        value: {
          _format_version: '3.0',
          services: [
            { name: 'a', host: 'h' },
            { name: 'a', host: 'h' },
          ],
          consumers: [{ username: 'b', plugins: [{ name: 'rate-limiting', config: { minute: 1 } }] }],
        },
        lineOf: ([, at]) => (typeof at === 'number' ? 10 + at : 1),
      },
      reading(),
    );
    expect(read.problems?.map(({ line, ...rest }) => [line, problemText(rest)])).to.deep.equal([
      [11, 'services[2].name: name: the same as of services[1] on line 10'],
    ]);
  });

  it('a nested entity with a reference to a third one is a problem', () => {
    const read = readIn('3.0', {
      services: [
        { name: 'a', host: 'h', routes: [{ paths: ['/a'], service: { name: 'b' } }] },
        { name: 'b', host: 'h', routes: [{ paths: ['/b'], service: { name: 'b' } }] },
      ],
    });
    expect(read.problems?.map(problemText)).to.deep.equal([
      'services[1].routes[1].service: conflicts with the services entity in which this one is nested',
    ]);
  });

  it('a plugin must share a protocol with its route', () => {
    const read = readIn('3.0', {
      services: [
        {
          name: 'a',
          host: 'h',
          routes: [
            {
              name: 'r',
              paths: ['/a'],
              protocols: ['http'],
              plugins: [{ name: 'oauth2', config: { enable_implicit_grant: true }, protocols: ['grpc'] }],
            },
          ],
        },
      ],
    });
    expect(read.problems?.map(problemText)).to.deep.equal([
      "services[1].routes[1].plugins[1].protocols: must match the associated route's protocols",
    ]);
  });

  it('an unknown or missing version is a problem', () => {
    const said = (value: Json) => readDocument({ value, lineOf: () => 1 }, reading()).problems?.map(problemText);
    expect(said({})).to.deep.equal(["_format_version: required field missing: one of '1.1', '2.1', '3.0'"]);
    expect(said({ _format_version: '9.9' })).to.deep.equal(["_format_version: expected one of '1.1', '2.1', '3.0'"]);
    expect(said({ _format_version: 3 })).to.equal(undefined);
    expect(said([])?.[0]).to.match(/is an object/);
    expect(said({ _format_version: '3.0', _transform: 'yes' })).to.deep.equal(['_transform: expected a boolean']);
  });

  it('a reference to a secret in another store is a problem', () => {
    const read = readIn('3.0', {
      consumers: [
        { username: 'b', oauth2_credentials: [{ name: 'n', client_id: 'c', client_secret: '{vault://env/secret}' }] },
      ],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: decK's syntax of a variable
      plugins: [{ name: 'oauth2', config: { enable_implicit_grant: true, provision_key: '${{ env "DECK_KEY" }}' } }],
    });
    expect(read.problems?.map(problemText)).to.deep.equal([
      'consumers[1].oauth2_credentials[1].client_secret: refers to a secret in another store, which the gate does not read; write the value itself',
      'plugins[1].config.provision_key: refers to a secret in another store, which the gate does not read; write the value itself',
    ]);
  });

  describe('plugins that this gate does not have', () => {
    const config = { services: [{ name: 'a', host: 'h', plugins: [{ name: 'zipkin', config: { x: 1 } }] }] };

    it('are skipped only if they are named, and then listed', () => {
      expect(readIn('3.0', config).problems?.map(problemText)).to.deep.equal([
        'services[1].plugins[1].name: this gate has no plugin "zipkin"; --skip-plugins zipkin loads the file without it',
      ]);
      const read = readIn('3.0', config, { skipPlugins: ['zipkin'] });
      expect(read.problems).to.equal(undefined);
      expect(read.problems === undefined && read.skipped).to.deep.equal([
        { name: 'zipkin', place: ['services', 0, 'plugins', 0] },
      ]);
    });

    for (const name of [
      'phantom-token',
      'openid-connect',
      'rate-limiting-advanced',
      'ldap-auth',
      'opa',
      'session',
      'oauth2',
    ]) {
      it(`${name} cannot be skipped`, () => {
        const read = readIn('3.0', {}, { skipPlugins: [name] });
        expect(read.problems?.map(problemText).join()).to.include(`--skip-plugins: ${name}`);
      });
    }
  });

  it('comments are not fields', () => {
    expect(rowsOf({ _comment: 'x', services: [{ name: 'a', host: 'h', _comment: 'y', _ignore: [1] }] })).to.have.length(
      1,
    );
  });

  it('throws for no JSON', () => {
    const names = fc.constantFrom(
      'services',
      'routes',
      'plugins',
      'consumers',
      'oauth2_credentials',
      '_format_version',
    );
    const junk = fc.jsonValue({ depthSize: 'small' });
    fc.assert(
      fc.property(fc.dictionary(names, fc.oneof(junk, fc.array(junk)), { maxKeys: 4 }), (value) => {
        readDocument({ value: { _format_version: '3.0', ...value } as Json, lineOf: () => undefined }, reading());
      }),
      { numRuns: 300 },
    );
  });
});

interface How {
  readonly stored?: readonly Entity[];
  readonly now?: number;
  readonly token?: () => string;
  readonly skipPlugins?: readonly string[];
}

function reading({ stored = [], now = 1_800_000_000_000, token = () => 'token', skipPlugins = [] }: How = {}) {
  return { entities, skipPlugins, now, token, stored: (_: string, id: string) => stored.find((row) => row.id === id) };
}

function readIn(version: string, content: { [field: string]: Json }, how: How = {}): DocumentRead {
  return readDocument({ value: { _format_version: version, ...content }, lineOf: () => 1 }, reading(how));
}

function rowsOf(content: { [field: string]: Json }, how: How = {}, version = '3.0'): readonly Entity[] {
  const read = readIn(version, content, how);
  if (read.problems !== undefined) throw new Error(read.problems.map(problemText).join('\n'));
  return read.rows.map(({ row }) => row);
}

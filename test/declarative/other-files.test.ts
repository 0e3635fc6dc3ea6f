// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the notations of other programs
import { expect } from 'chai';
import { problemText } from '../../src/declarative/document.ts';
import { namedId } from '../../src/declarative/named-id.ts';
import { type DocumentRead, readDocument } from '../../src/declarative/read-document.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { a } from '../support/certificates.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);

function read(content: { [field: string]: Json }): DocumentRead {
  return readDocument(
    { value: Object.assign(Object.create(null), { _format_version: '3.0' }, content), lineOf: () => 1 },
    { entities, skipPlugins: [], now: 1_800_000_000_000, token: () => 'token', stored: () => undefined },
  );
}

function loaded(content: { [field: string]: Json }) {
  const result = read(content);
  if (result.problems !== undefined) throw new Error(result.problems.map(problemText).join('\n'));
  return { rows: result.rows.map(({ row }) => row), warnings: result.warnings.map(problemText) };
}

const rowsOf = (content: { [field: string]: Json }): readonly Entity[] => loaded(content).rows;
const problemsOf = (content: { [field: string]: Json }) => read(content).problems?.map(problemText);

const oauth2 = { enable_client_credentials: true, provision_key: 'p' };
const ignored = "a field of another edition of Kong's, without effect as it is; the gate ignores it";

describe('Files of other programs: placeholders', () => {
  const client = (more: object) => ({
    consumers: [{ username: 'c', oauth2_credentials: [{ name: 'n', client_id: 'id', ...more }] }],
  });

  const forms: readonly (readonly [text: string, notation: string])[] = [
    ['${CLIENT_SECRET}', '${NAME}'],
    ['x-${CLIENT_SECRET:-none}-y', '${NAME}'],
    ['${{ secrets.KEY }}', '{{NAME}}'],
    ['$KEY', '$NAME'],
    ['$(KEY)', '$(NAME)'],
    ['{{ .Values.key }}', '{{NAME}}'],
    ['<%= key %>', '<%NAME%>'],
    ['%KEY%', '%NAME%'],
  ];
  for (const [text, notation] of forms) {
    it(`${text} is an error in the place of a secret`, () => {
      const what = `holds a placeholder of the form ${notation}, which the gate does not replace: the secret would be this text; replace it before the gate reads the file`;
      for (const [place, content] of [
        ['consumers[1].oauth2_credentials[1].client_secret', client({ client_secret: text })],
        [
          'keyauth_credentials[1].key',
          { consumers: [{ username: 'c' }], keyauth_credentials: [{ consumer: 'c', key: text }] },
        ],
        [
          'consumers[1].basicauth_credentials[1].password',
          { consumers: [{ username: 'c', basicauth_credentials: [{ username: 'u', password: text }] }] },
        ],
        [
          'plugins[1].config.provision_key',
          { plugins: [{ name: 'oauth2', config: { ...oauth2, provision_key: text } }] },
        ],
        ['certificates[1].key', { certificates: [{ cert: a.cert, key: text }] }],
        ['keys[1].jwk', { keys: [{ kid: 'k', jwk: text }] }],
        ['keys[1].pem.private_key', { keys: [{ kid: 'k', pem: { private_key: text } }] }],
      ] as const) {
        expect(problemsOf(content as never)?.[0], place).to.equal(`${place}: ${what}`);
      }
    });
  }

  it('one error for one value', () => {
    expect(problemsOf({ keys: [{ kid: 'k', pem: { private_key: '${KEY}' } }] })).to.have.length(1);
  });

  it('elsewhere they are a warning', () => {
    const { warnings } = loaded(client({ client_secret: 's', redirect_uris: ['https://${HOST}/cb'], tags: ['$TAG'] }));
    const what = (notation: string) =>
      `holds a placeholder of the form ${notation}, which the gate does not replace: the value is this text`;
    expect(warnings).to.deep.equal([
      `consumers[1].oauth2_credentials[1].redirect_uris[1]: ${what('${NAME}')}`,
      `consumers[1].oauth2_credentials[1].tags[1]: ${what('$NAME')}`,
    ]);
  });

  it('a secret with a dollar sign is no placeholder', () => {
    for (const text of [
      '$ecret',
      'pa$$word',
      '$pbkdf2-sha512$i=10000,l=32$c2FsdA$aGFzaA',
      '100%',
      '{"k":{}}',
      '$',
      '50% of $X',
    ]) {
      expect(problemsOf(client({ client_secret: text })), text).to.equal(undefined);
    }
  });

  it('a reference to another store is an error in lists and records too', () => {
    const reference = '${{ env "DECK_HOST" }}';
    const stored = 'refers to a secret in another store, which the gate does not read; write the value itself';
    expect(problemsOf(client({ redirect_uris: [reference] }))?.[0]).to.include(stored);
    expect(problemsOf({ plugins: [{ name: 'cors', config: { origins: ['{vault://env/origin}'] } }] })?.[0]).to.equal(
      `plugins[1].config.origins[1]: ${stored}`,
    );
  });
});

describe('Files of other programs: fields of Kong’s other edition', () => {
  it('are ignored with a notice where they are off', () => {
    const { rows, warnings } = loaded({
      _workspace: 'default',
      consumer_groups: [],
      vaults: null,
      plugins: [
        { name: 'oauth2', config: { ...oauth2, persistent_refresh_token: false }, consumer_group: null, ordering: {} },
        {
          name: 'acl',
          config: { allow: ['g'], include_consumer_groups: false },
        },
      ],
      services: [{ name: 's', host: 'h', tls_sans: null }],
      upstreams: [{ name: 'u', sticky_sessions_cookie: null, targets: [{ target: 'h:1', failover: false }] }],
      consumers: [{ username: 'c', groups: [] }],
    });
    expect(warnings.map((text) => text.split(': ')[0]).sort()).to.deep.equal([
      '_workspace',
      'consumer_groups',
      'consumers[1].groups',
      'plugins[1].config.persistent_refresh_token',
      'plugins[1].consumer_group',
      'plugins[1].ordering',
      'plugins[2].config.include_consumer_groups',
      'services[1].tls_sans',
      'upstreams[1].sticky_sessions_cookie',
      'upstreams[1].targets[1].failover',
      'vaults',
    ]);
    for (const text of warnings) expect(text).to.include(ignored);
    expect(rows).to.have.length(6);
    expect(JSON.stringify(rows)).not.to.match(/persistent|include_consumer|failover|"groups"|tls_sans/);
  });

  it('are an error that says what they would do where they are on', () => {
    const would = (effect: string) =>
      `a field of another edition of Kong's that would ${effect}; the gate does not do that`;
    expect(
      problemsOf({
        _workspace: 'prod',
        consumer_groups: [{ name: 'g' }],
        plugins: [
          { name: 'oauth2', config: { ...oauth2, persistent_refresh_token: true }, consumer_group: 'g' },
          { name: 'acl', config: { allow: ['g'], include_consumer_groups: true } },
        ],
        targets: [{ target: 'h:1', upstream: 'u', failover: true }],
        upstreams: [{ name: 'u' }],
      })?.sort(),
    ).to.deep.equal([
      `_workspace: ${would('select a workspace')}`,
      `consumer_groups: ${would('define groups of consumers')}`,
      `plugins[1].config.persistent_refresh_token: ${would('keep a refresh token valid after its use; here reuse_refresh_token does so')}`,
      `plugins[1].consumer_group: ${would('run the plugin for the consumers of a group only')}`,
      `plugins[2].config.include_consumer_groups: ${would('count the consumer groups of a consumer as its groups')}`,
      `targets[1].failover: ${would('use the target only if all others are unhealthy')}`,
    ]);
  });

  it('other unknown fields are an error, also where they are off', () => {
    expect(
      problemsOf({
        plugins: [
          { name: 'oauth2', config: { ...oauth2, enable_client_credential: false, include_consumer_groups: false } },
        ],
        services: [{ name: 's', host: 'h', failover: false }],
      }),
    ).to.have.members([
      'plugins[1].config.enable_client_credential: unknown field',
      'plugins[1].config.include_consumer_groups: unknown field',
      'services[1].failover: unknown field',
    ]);
  });

  it('names of Object.prototype are unknown fields', () => {
    const content = JSON.parse(
      '{"__proto__":1,"plugins":[{"name":"__proto__"},{"name":"acl","config":{"allow":["g"],"constructor":1}}]}',
    );
    expect(problemsOf(content)).to.have.members([
      'plugins[1].name: this gate has no plugin "__proto__"; --skip-plugins __proto__ loads the file without it',
      'plugins[2].config.constructor: unknown field',
      '__proto__: unknown field',
    ]);
  });

  it('KD-18: a plugin may have the protocols ws and wss', () => {
    const protocols = ['grpc', 'grpcs', 'http', 'https', 'ws', 'wss'];
    for (const name of ['oauth2', 'acl', 'cors']) {
      const config = name === 'oauth2' ? oauth2 : name === 'acl' ? { allow: ['g'] } : {};
      expect(rowsOf({ plugins: [{ name, config, protocols }] })[0]!['protocols'], name).to.deep.equal(protocols);
      expect(problemsOf({ plugins: [{ name, config, protocols: ['tcp'] }] }), name).to.have.length(1);
    }
  });
});

describe('Files of other programs: decK', () => {
  it('_info.select_tags are tags of every entity, and do not change ids', () => {
    const content = {
      services: [{ name: 's', host: 'h', tags: ['own'], routes: [{ paths: ['/a'] }] }],
      consumers: [{ username: 'c', keyauth_credentials: [{ key: 'k' }] }],
      plugins: [{ name: 'cors', tags: ['team'] }],
    };
    const plain = rowsOf(content);
    const tagged = rowsOf({ ...content, _info: { select_tags: ['team', 'x'] } });
    expect(tagged.map(({ id }) => id)).to.deep.equal(plain.map(({ id }) => id));
    expect(tagged.map(({ tags }) => tags)).to.have.deep.members([
      ['own', 'team', 'x'],
      ['team', 'x'],
      ['team', 'x'],
      ['team', 'x'],
      ['team', 'x'],
    ]);
  });

  it('_info.defaults fill absent fields, in records too', () => {
    const rows = rowsOf({
      _info: {
        defaults: {
          service: { retries: 1, read_timeout: 1000, tags: null },
          route: { strip_path: false },
          upstream: { healthchecks: { active: { http_path: '/health', timeout: 9 } } },
          target: { weight: 7 },
        },
      },
      services: [
        { name: 's', host: 'h', retries: 3, read_timeout: null },
        { name: 't', url: 'http://h:1/p' },
      ],
      routes: [
        { name: 'r', paths: ['/a'], service: 's' },
        { name: 'q', paths: ['/b'], strip_path: true },
      ],
      upstreams: [{ name: 'u', healthchecks: { active: { timeout: 2 } }, targets: [{ target: 'h:1' }] }],
    });
    const byId = new Map(rows.map((row) => [row.id, row]));
    const named = (kind: string, name: string) => byId.get(namedId(kind, name))!;
    expect(named('services', 's')).to.include({ retries: 3, read_timeout: 1000, write_timeout: 60000 });
    expect(named('services', 't')).to.include({ retries: 1, read_timeout: 1000, port: 1, path: '/p' });
    expect([named('routes', 'r')['strip_path'], named('routes', 'q')['strip_path']]).to.deep.equal([false, true]);
    const { active } = named('upstreams', 'u')['healthchecks'] as { active: object };
    expect(active).to.include({ http_path: '/health', timeout: 2, concurrency: 10 });
    expect(rows.find(({ target }) => target === 'h:1')).to.include({ weight: 7 });
  });

  it('_plugin_configs are settings that plugins share by name', () => {
    const _plugin_configs = { limits: { minute: 5, hour: 9, policy: 'local' } };
    const plugins = [{ name: 'rate-limiting', _config: 'limits', config: { minute: 1 } }];
    expect(rowsOf({ _plugin_configs, plugins })[0]!['config']).to.include({ minute: 1, hour: 9 });
    expect(problemsOf({ _plugin_configs, plugins: [{ name: 'cors', _config: 'other' }] })).to.deep.equal([
      'plugins[1]._config: _plugin_configs of the file has no "other"',
    ]);
  });

  it('what cannot be followed is an error', () => {
    expect(rowsOf({ _info: {} })).to.deep.equal([]);
    expect(rowsOf({ _info: null })).to.deep.equal([]);
    expect(rowsOf({ _info: { select_tags: [], default_lookup_tags: {}, defaults: {} } })).to.deep.equal([]);
    expect(
      problemsOf({
        _info: { select_tags: 'x', defaults: { consumer: {} }, default_lookup_tags: { consumers: ['x'] }, more: 1 },
      }),
    ).to.deep.equal([
      '_info.select_tags: expected a list of tags',
      '_info.defaults.consumer: expected an object of fields for service, route, upstream, target',
      '_info.default_lookup_tags: refers to entities outside the file; a file of the gate holds all entities that it refers to',
      '_info.more: unknown field',
    ]);
    expect(problemsOf({ _info: 'x', _plugin_configs: [] })).to.deep.equal([
      '_info: expected an object',
      '_plugin_configs: expected an object of settings by name',
    ]);
  });
});

describe('Files of other programs: streams', () => {
  const only = 'is for streams, and the gate forwards HTTP, gRPC and WebSockets only';

  it('a service or route of a stream loads with a warning', () => {
    expect(
      loaded({
        services: [
          {
            name: 's',
            host: 'h',
            protocol: 'tcp',
            routes: [{ name: 'r', protocols: ['tcp', 'tls'], destinations: [{ port: 1 }] }],
          },
          { name: 'plain', host: 'h' },
        ],
        routes: [{ name: 'q', protocols: ['tls_passthrough'], snis: ['a.example'] }],
      }).warnings,
    ).to.deep.equal([
      `services[1].protocol: tcp ${only}`,
      `services[1].routes[1].protocols: the route matches no request: tcp, tls ${only}`,
      `routes[1].protocols: the route matches no request: tls_passthrough ${only}`,
    ]);
  });
});

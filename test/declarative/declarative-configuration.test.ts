import { expect } from 'chai';
import { parse } from 'yaml';
import {
  type DeclarativeConfiguration,
  type DeclarativeOptions,
  declarativeConfiguration,
} from '../../adapters/declarative/declarative-configuration.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { problemText } from '../../src/declarative/document.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { Entity, EntityStore } from '../../src/ports/entity-store.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);
const services = kindOf(entities.get('services')!);

describe('A declarative configuration', () => {
  const file = (names: readonly string[], secret = 's3cret') => `
_format_version: '3.0'
services:
${names.map((name) => `- {name: ${name}, url: "http://h/${name}"}`).join('\n')}
consumers:
- username: bob
  oauth2_credentials:
  - {name: app, client_id: app, client_secret: ${secret}, hash_secret: true}
`;

  it('is written to the store and announced once, and a second load changes nothing', async () => {
    const { configuration, announced, store } = await world();
    expect(configuration.activeDigest()).to.equal(undefined);
    const loaded = await configuration.load(file(['a', 'b']));
    expect(loaded).to.include({ outcome: 'loaded', added: 4, changed: 0, removed: 0 });
    expect(announced).to.deep.equal([{ announces: 'everythingChanged' }]);
    expect(configuration.activeDigest()).to.match(/^[0-9a-f]{64}$/);
    const before = all(store);
    expect(await configuration.load(file(['a', 'b']))).to.include({ added: 0, changed: 0, removed: 0 });
    expect(all(store)).to.deep.equal(before);
    expect(announced).to.have.length(1);
  });

  it('check_hash: the same text is not parsed', async () => {
    const { configuration } = await world();
    await configuration.load(file(['a']));
    expect(await configuration.load(file(['a']), { checkHash: true })).to.include({ outcome: 'unchanged' });
    expect(await configuration.load(`${file(['a'])}\n`, { checkHash: true })).to.include({ outcome: 'loaded' });
  });

  it('a removed client loses its grants, another client keeps them', async () => {
    const { configuration, ended } = await world();
    await configuration.load(file(['a']));
    await configuration.load(file(['a', 'b']));
    expect(ended).to.deep.equal([]);
    await configuration.load("_format_version: '3.0'");
    expect(ended).to.have.length(3);
    expect(Object.keys(Object.assign({}, ...ended))).to.have.members(['credentialId', 'serviceId']);
  });

  it('a secret is hashed again only if it changed', async () => {
    const store = memoryEntityStore();
    const { configuration, hashed } = await world({ store });
    await configuration.load(file(['a']));
    await configuration.load(file(['a', 'b']));
    expect(hashed).to.deep.equal(['s3cret']);
    const later = await world({ store });
    await later.configuration.load(file(['a']));
    expect(later.hashed).to.deep.equal([]);
    await configuration.load(file(['a'], 'another'));
    expect(hashed).to.deep.equal(['s3cret', 'another']);
  });

  it('_transform: false: secrets are as stored', async () => {
    const { configuration, hashed } = await world();
    await configuration.load(`${file(['a'])}\n_transform: false`);
    expect(hashed).to.deep.equal([]);
  });

  it('an invalid one changes nothing, and all problems are reported', async () => {
    const { configuration, store, announced } = await world();
    await configuration.load(file(['a']));
    const before = all(store);
    const digest = configuration.activeDigest();
    const refused = await configuration.load("_format_version: '3.0'\nservices:\n- {name: x}\n- {host: 'a b'}\n");
    expect(refused.outcome === 'refused' && refused.problems.map(({ line }) => line)).to.deep.equal([3, 4]);
    expect(await configuration.load(': : :\n -')).to.include({ outcome: 'refused' });
    expect(all(store)).to.deep.equal(before);
    expect(configuration.activeDigest()).to.equal(digest);
    expect(announced).to.have.length(1);
  });

  it('a row that cannot be compiled is refused with its line before the first write', async () => {
    const { configuration, store } = await world({
      trial: (kinds) =>
        kinds.flatMap(({ rows }) => rows.map(({ id }) => ({ id, why: 'cannot be compiled' }))).slice(0, 1),
    });
    const refused = await configuration.load(file(['a']));
    expect(refused.outcome === 'refused' && refused.problems[0]).to.include({ line: 4, message: 'cannot be compiled' });
    expect(all(store)).to.deep.equal([]);
  });

  it('if the store fails in the middle, the writes before are undone', async () => {
    for (let failsAt = 1; failsAt <= 6; failsAt++) {
      const store = memoryEntityStore();
      let writes = Number.POSITIVE_INFINITY;
      const failing: EntityStore = {
        ...store,
        replace: (kind, row, how) => {
          if (--writes === 0) throw new Error('the disk is full');
          return store.replace(kind, row, how);
        },
      };
      const { configuration } = await world({ store: failing });
      await configuration.load(file(['a', 'b', 'c']));
      const before = all(store);
      writes = failsAt;
      const next = file(['c', 'd', 'e']).replace('//h/c', '//h/changed').replace('username: bob', 'username: eve');
      let error: unknown;
      await configuration.load(next).catch((thrown) => {
        error = thrown;
      });
      if (failsAt <= 5) {
        expect(error, String(failsAt)).to.match(/disk is full/);
        expect(all(store), String(failsAt)).to.deep.equal(before);
      } else expect(writes).to.equal(0);
      // The next load succeeds.
      expect(await configuration.load(next)).to.include({ outcome: 'loaded' });
    }
  });

  it('two gates that load the same file at the same time both succeed', async () => {
    const store = memoryEntityStore();
    let others = 3;
    const shared: EntityStore = {
      ...store,
      replace(kind, row, how) {
        if (kind.name !== 'services' || others === 0) return store.replace(kind, row, how);
        others--;
        store.replace(kind, row, how);
        return { outcome: 'taken', fields: ['id'] };
      },
    };
    const { configuration } = await world({ store: shared });
    expect(await configuration.load(file(['a', 'b', 'c', 'd']))).to.include({ outcome: 'loaded' });
    expect(others).to.equal(0);
    const { configuration: alone } = await world({ store });
    expect(await alone.load(file(['a', 'b', 'c', 'd']))).to.include({ added: 0, changed: 0, removed: 0 });
  });

  it('the first file of a store replaces rows of the Admin API only with takesOver', async () => {
    const store = memoryEntityStore();
    const row: Entity = { id: '00000000-0000-4000-8000-000000000009', name: 'mine', host: 'h', created_at: 1 };
    await store.insert(services, row);
    const { configuration } = await world({ store });
    const refused = await configuration.load(file(['a']));
    expect(refused.outcome === 'refused' && refused.problems.map(problemText).join()).to.match(
      /remove 1 of its entities/,
    );
    expect(await store.get(services, row.id)).to.deep.equal(row);
    expect(await configuration.load(file(['a']), { takesOver: true })).to.include({ outcome: 'loaded', removed: 1 });
  });

  it('after a restart the file is still active, until it is handed over', async () => {
    const store = memoryEntityStore();
    const first = await world({ store });
    await first.configuration.load(file(['a']));
    const second = await world({ store });
    expect(second.configuration.activeDigest()).to.equal(first.configuration.activeDigest());
    expect(await second.configuration.load(file(['b']))).to.include({ outcome: 'loaded', added: 1, removed: 1 });
    await second.configuration.handOver();
    expect((await world({ store })).configuration.activeDigest()).to.equal(undefined);
  });

  it('a printed configuration loads as the same rows, in this gate and in an empty one', async () => {
    const { configuration, store } = await world();
    await configuration.load(
      `${file(['a'])}
plugins:
- name: oauth2
  service: a
  tags: ["1.10", "no", "0x10"]
  config: {enable_implicit_grant: true, scopes: ["yes", "null", "1e3", "#x", "a: b"], provision_key: "~"}
routes:
- {name: r, service: a, paths: ["~/a$"], headers: {x-y: ["on"]}, methods: null}
`,
    );
    const printed = await configuration.print();
    expect(parse(printed)).to.deep.include({ _format_version: '3.0', _transform: false });
    expect(await configuration.load(printed)).to.include({ added: 0, changed: 0, removed: 0 });
    const other = await world();
    await other.configuration.load(printed);
    expect(all(other.store).map(withoutTimes)).to.deep.equal(all(store).map(withoutTimes));
  });

  it('a long file is read in a thread and loaded in steps, so that requests are served in between', async () => {
    const { configuration, store } = await world();
    const names = Array.from({ length: 2000 }, (_, n) => `service-${n}-of-very-many-that-make-a-long-file`);
    let turns = 0;
    let loading = true;
    const count = () => {
      turns++;
      if (loading) setImmediate(count);
    };
    setImmediate(count);
    const loaded = await configuration.load(file(names));
    loading = false;
    expect(loaded).to.include({ outcome: 'loaded', added: 2002 });
    expect(turns).to.be.greaterThan(60);
    const wrong = `${file(names)}__proto__: 1\n`;
    const refused = await configuration.load(wrong);
    expect(refused.outcome === 'refused' && refused.problems).to.deep.equal([
      { place: ['__proto__'], line: wrong.split('\n').length - 1, message: 'unknown field' },
    ]);
    expect(all(store)).to.have.length(2002);
  });

  it('loads wait for each other', async () => {
    const { configuration, store } = await world();
    await Promise.all([file(['a']), file(['b']), file(['c'])].map((text) => configuration.load(text)));
    expect(all(store).flatMap(({ name, protocol }) => (protocol === 'http' ? [name] : []))).to.deep.equal(['c']);
  });
});

interface World {
  readonly configuration: DeclarativeConfiguration;
  readonly store: EntityStore;
  readonly announced: Announcement[];
  readonly ended: object[];
  readonly hashed: string[];
}

async function world(given: Partial<DeclarativeOptions> = {}): Promise<World> {
  const announced: Announcement[] = [];
  const ended: object[] = [];
  const hashed: string[] = [];
  const { store = memoryEntityStore() } = given;
  let made = 0;
  const configuration = await declarativeConfiguration({
    grants: {
      removeOf(owners) {
        ended.push(...owners);
        return [];
      },
    },
    announcements: { publish: (announcement) => void announced.push(announcement), subscribe: () => () => undefined },
    entities,
    clock: { now: () => 1_800_000_000_000 },
    entropy: { uuid: () => `${++made}`, token: () => `token${++made}`.padEnd(32, 'x') },
    hashes: {
      hash: async (secret) => {
        hashed.push(secret);
        return phc(secret);
      },
      verify: (_, stored, secret) => (stored === phc(secret) ? 'proven' : 'failed'),
    },
    trial: () => [],
    skipPlugins: [],
    ...given,
    store,
  });
  return { configuration, store, announced, ended, hashed };
}

const phc = (secret: string) => `$pbkdf2-sha512$i=1,l=1$salt$${Buffer.from(secret).toString('hex')}`;

function all(store: EntityStore): readonly Entity[] {
  return [...entities.values()].flatMap((description) => {
    const page = store.page(kindOf(description), { size: 5000, after: undefined });
    return (page as { rows: readonly Entity[] }).rows;
  });
}

function withoutTimes({ created_at, updated_at, ...row }: Entity): object {
  return row;
}

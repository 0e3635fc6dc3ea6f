/**
 * decK's calls of an Admin API: it reads the root, the schemas and every collection, fills in the defaults of the file
 * from the schemas, and writes the differences by PUT and DELETE, with ids that it makes itself.
 */
import type { DirectResponse, Gate } from '../admin/gate.ts';

export type Row = Record<string, unknown>;
/** By collection, as decK holds a file after it has added ids: references are `{ id }`. */
export type State = Record<string, readonly Row[]>;

export interface Difference {
  readonly act: 'create' | 'update' | 'delete';
  readonly collection: string;
  readonly row: Row;
}

interface Collection {
  readonly name: string;
  readonly path: string;
  /** Where decK writes a row, if not below `path`. */
  readonly at?: (row: Row) => string;
  /** decK accepts a 404 for it. */
  readonly forgiven?: true;
  readonly schema?: string;
}

const below = (field: string, nested: string) => (row: Row) =>
  `/${field}s/${(row[field] as { id: string }).id}/${nested}/${row['id']}`;

/** In the order in which rows are created; they are removed in the reverse order. */
const collections: readonly Collection[] = [
  { name: 'certificates', path: '/certificates' },
  { name: 'snis', path: '/snis' },
  { name: 'ca_certificates', path: '/ca_certificates', forgiven: true },
  { name: 'vaults', path: '/vaults', forgiven: true },
  { name: 'key_sets', path: '/key-sets', forgiven: true },
  { name: 'keys', path: '/keys', forgiven: true },
  { name: 'partials', path: '/partials', forgiven: true },
  { name: 'services', path: '/services', schema: 'services' },
  { name: 'routes', path: '/routes', schema: 'routes' },
  { name: 'filter_chains', path: '/filter-chains', forgiven: true },
  { name: 'consumers', path: '/consumers', schema: 'consumers' },
  { name: 'consumer_groups', path: '/consumer_groups', forgiven: true },
  { name: 'upstreams', path: '/upstreams', schema: 'upstreams' },
  { name: 'targets', path: '', at: below('upstream', 'targets'), schema: 'targets' },
  { name: 'oauth2', path: '/oauth2', at: below('consumer', 'oauth2'), schema: 'oauth2_credentials' },
  { name: 'key-auths', path: '/key-auths', at: below('consumer', 'key-auth'), forgiven: true },
  { name: 'hmac-auths', path: '/hmac-auths', at: below('consumer', 'hmac-auth'), forgiven: true },
  { name: 'jwts', path: '/jwts', at: below('consumer', 'jwt'), forgiven: true, schema: 'jwt_secrets' },
  { name: 'basic-auths', path: '/basic-auths', at: below('consumer', 'basic-auth'), forgiven: true },
  { name: 'mtls-auths', path: '/mtls-auths', at: below('consumer', 'mtls-auth'), forgiven: true },
  { name: 'acls', path: '/acls', at: below('consumer', 'acls') },
  { name: 'plugins', path: '/plugins' },
];

export interface Deck {
  ping(): Promise<string>;
  dump(tags?: readonly string[]): Promise<State>;
  diff(wanted: State, tags?: readonly string[]): Promise<readonly Difference[]>;
  sync(wanted: State, tags?: readonly string[]): Promise<readonly Difference[]>;
  reset(): Promise<void>;
  validate(wanted: State): Promise<readonly string[]>;
  /** Every call, as `METHOD /path status`. */
  readonly calls: string[];
}

export function deck(gate: Gate, adminToken?: string): Deck {
  const calls: string[] = [];
  const headers = adminToken === undefined ? {} : { 'kong-admin-token': adminToken };

  async function call(line: string, body?: unknown): Promise<DirectResponse> {
    const response = await gate.call(line, body, { ...headers, accept: 'application/json' });
    calls.push(`${line} ${response.status}`);
    return response;
  }

  async function expected(line: string, status: number, body?: unknown): Promise<Row> {
    const response = await call(line, body);
    if (response.status !== status) throw new Error(`${line}: ${response.status} ${JSON.stringify(response.body)}`);
    return response.body as Row;
  }

  async function ping(): Promise<string> {
    const root = await expected('GET /', 200);
    const { database } = root['configuration'] as { database: string };
    if (database === 'off') throw new Error('configured without a database');
    return root['version'] as string;
  }

  async function list(path: string, tags: readonly string[], forgiven: boolean): Promise<readonly Row[]> {
    const rows: Row[] = [];
    let next: string | null = `${path}?size=1000${tags.length === 0 ? '' : `&tags=${tags.join()}`}`;
    while (next !== null) {
      const response = await call(`GET ${next}`);
      if (response.status === 404 && forgiven) return [];
      if (response.status !== 200) throw new Error(`GET ${next}: ${response.status}`);
      rows.push(...response.body.data);
      next = response.body.next;
    }
    return rows;
  }

  async function dump(tags: readonly string[] = []): Promise<State> {
    const state: Record<string, readonly Row[]> = {};
    for (const { name, path, forgiven } of collections) {
      if (path !== '') state[name] = await list(path, tags, forgiven === true);
    }
    const targets: Row[] = [];
    for (const { id } of state['upstreams']!) targets.push(...(await list(`/upstreams/${id}/targets`, [], false)));
    state['targets'] = targets;
    // decK reads the names of a certificate from /snis.
    state['certificates'] = state['certificates']!.map(({ snis: _, ...row }) => row);
    return state;
  }

  async function filled({ name, schema }: Collection, row: Row): Promise<Row> {
    if (name === 'plugins') {
      const { fields } = await expected(`GET /schemas/plugins/${row['name']}`, 200);
      return withDefaults(fields as Fields, { enabled: true, ...row });
    }
    if (schema === undefined) return row;
    const { fields } = await expected(`GET /schemas/${schema}`, 200);
    return withDefaults(fields as Fields, row);
  }

  async function diff(wanted: State, tags: readonly string[] = []): Promise<readonly Difference[]> {
    await ping();
    const current = await dump(tags);
    const differences: Difference[] = [];
    const removals: Difference[] = [];
    for (const collection of collections) {
      const { name } = collection;
      const there = new Map((current[name] ?? []).map((row) => [row['id'], row]));
      for (const row of wanted[name] ?? []) {
        const whole = await filled(collection, row);
        const before = there.get(row['id']);
        there.delete(row['id']);
        if (before === undefined) differences.push({ act: 'create', collection: name, row: whole });
        else if (!says(before, whole)) differences.push({ act: 'update', collection: name, row: whole });
      }
      removals.unshift(...[...there.values()].map((row): Difference => ({ act: 'delete', collection: name, row })));
    }
    return [...removals, ...differences];
  }

  async function sync(wanted: State, tags: readonly string[] = []): Promise<readonly Difference[]> {
    const differences = await diff(wanted, tags);
    for (const { act, collection: name, row } of differences) {
      const collection = collections.find((one) => one.name === name)!;
      const at = collection.at?.(row) ?? `${collection.path}/${row['id']}`;
      if (act === 'delete') await expected(`DELETE ${at}`, 204);
      else await expected(`PUT ${at}`, 200, row);
    }
    return differences;
  }

  return {
    calls,
    ping,
    dump,
    diff,
    sync,
    async reset() {
      await sync({});
    },
    async validate(wanted) {
      const wrong: string[] = [];
      for (const { name, schema } of collections) {
        for (const row of wanted[name] ?? []) {
          const { status, body } = await call(`POST /schemas/${schema ?? name}/validate`, row);
          if (status !== 200) wrong.push(`${name}: ${body.message}`);
        }
      }
      return wrong;
    },
  };
}

type Fields = readonly { readonly [name: string]: Row }[];

function withDefaults(fields: Fields, row: Row): Row {
  const whole: Row = { ...row };
  for (const field of fields) {
    const [[name, rules]] = Object.entries(field) as [[string, Row]];
    if (rules['type'] === 'record' && (whole[name] ?? null) === null) {
      if (rules['required'] === true) whole[name] = withDefaults(rules['fields'] as Fields, {});
    } else if (rules['type'] === 'record') {
      whole[name] = withDefaults(rules['fields'] as Fields, whole[name] as Row);
    } else if (whole[name] === undefined && rules['default'] !== undefined) whole[name] = rules['default'];
  }
  return whole;
}

/** Fields that the gate sets. */
const setByGate = ['created_at', 'updated_at', 'cert_digest'];

/** Whether the row of the gate equals the wanted one. Missing fields equal null. */
function says(there: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted) && Array.isArray(there)) {
    return wanted.length === there.length && wanted.every((item, at) => says(there[at], item));
  }
  if (isRow(wanted) && isRow(there)) {
    const names = new Set([...Object.keys(wanted), ...Object.keys(there)].filter((name) => !setByGate.includes(name)));
    return [...names].every((name) => says(there[name] ?? null, wanted[name] ?? null));
  }
  return there === wanted;
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { expect } from 'chai';
import type { ConfigurationFile } from '../../adapters/admin/configuration-file.ts';
import type { Loaded } from '../../src/declarative/loaded.ts';
import { type Gate, gate } from './gate.ts';

describe('The Admin API and the configuration file', () => {
  let admin: Gate;
  let loads: { text: string; checkHash: boolean }[];
  let next: Loaded;
  let activeDigest: string | undefined;

  beforeEach(async () => {
    loads = [];
    activeDigest = 'ab'.repeat(32);
    next = { outcome: 'loaded', rows: [], added: 1, changed: 2, removed: 3, skipped: [], warnings: [] };
    const file: ConfigurationFile = {
      activeDigest: () => activeDigest,
      async load(text, how) {
        loads.push({ text, ...how });
        return next;
      },
      reload: async () => next,
      print: async () => '_format_version: "3.0"\n',
    };
    admin = await gate({ file });
  });

  afterEach(() => admin.close());

  it('while a file is active, the Admin API cannot write its entities, as in Kong without a database', async () => {
    const id = '00000000-0000-4000-8000-000000000001';
    for (const [line, act, kind] of [
      ['POST /services', 'create', 'services'],
      ['PATCH /services/a', 'update', 'services'],
      [`PUT /routes/${id}`, 'create or update', 'routes'],
      ['DELETE /consumers/bob', 'remove', 'consumers'],
      ['POST /plugins', 'create', 'plugins'],
    ] as const) {
      const { status, body } = await admin.call(line, line.startsWith('DELETE') ? undefined : { host: 'h' });
      expect([line, status]).to.deep.equal([line, 405]);
      expect(body).to.deep.equal({
        code: 12,
        name: 'operation unsupported',
        message: `cannot ${act} '${kind}' entities when not using a database`,
      });
    }
    expect((await admin.call('GET /services')).status).to.equal(200);
    expect((await admin.call('GET /')).body.configuration.database).to.equal('off');
    expect((await admin.call('GET /status')).body.configuration_hash).to.equal('ab'.repeat(16));
  });

  it('KD-01: tokens are not part of the file: they can be written and removed', async () => {
    const { status, body } = await admin.call('POST /oauth2_tokens', { expires_in: 1 });
    expect([status, body.name]).to.deep.equal([400, 'schema violation']);
    expect((await admin.call('DELETE /oauth2_tokens/none')).status).to.equal(204);
  });

  it('POST /config accepts the document as YAML, as JSON, or in the field config of a form or of JSON', async () => {
    const yaml = "_format_version: '3.0'\n";
    const json = '{"_format_version":"3.0"}';
    const types = { 'content-type': 'text/yaml' };
    for (const [body, headers] of [
      [Buffer.from(yaml), types],
      [Buffer.from(json), { 'content-type': 'application/json' }],
      [{ config: yaml }, {}],
      [`config=${encodeURIComponent(yaml)}`, {}],
    ] as const) {
      expect((await admin.call('POST /config', body, headers)).status).to.equal(201);
    }
    expect(loads.map(({ text }) => text)).to.deep.equal([yaml, json, yaml, yaml]);
    expect((await admin.call('POST /config', {})).status).to.equal(201);
    expect((await admin.call('POST /config', '')).status).to.equal(400);
    expect((await admin.call('POST /services', Buffer.from(yaml), types)).status).to.equal(415);
  });

  it('check_hash=1: the same file gets a 304', async () => {
    next = { outcome: 'unchanged' };
    expect((await admin.call('POST /config?check_hash=1', { config: 'x' })).status).to.equal(304);
    await admin.call('POST /config?check_hash=0', { config: 'x' });
    expect(loads.map(({ checkHash }) => checkHash)).to.deep.equal([true, false]);
  });

  it('returns the rows by kind and id', async () => {
    next = {
      ...(next as Extract<Loaded, { outcome: 'loaded' }>),
      rows: [
        { description: { name: 'services', fields: {} }, rows: [{ id: 'i', name: 'a' }] },
        { description: { name: 'routes', fields: {} }, rows: [] },
      ],
    };
    const { body } = await admin.call('POST /config', { config: 'x' });
    expect(body).to.deep.equal({ services: { i: { id: 'i', name: 'a' } } });
  });

  it('warnings of the file are in a header, and in the response to a reload', async () => {
    const warnings = [
      { place: ['services', 0, 'protocol'], line: 2, message: 'tcp is for streams' },
      { place: ['routes', 0, 'tags', 0], line: 3, message: 'holds é' },
    ];
    const texts = ['services[1].protocol: tcp is for streams', 'routes[1].tags[1]: holds é'];
    next = { ...(next as Extract<Loaded, { outcome: 'loaded' }>), warnings };
    const posted = await admin.call('POST /config', { config: 'x' });
    expect([posted.status, posted.body]).to.deep.equal([201, {}]);
    expect(posted.headers['x-portcullis-warning']).to.equal(texts.join('; ').replace('é', '?'));
    const reloaded = await admin.call('POST /config/reload');
    expect(reloaded.body.warnings).to.deep.equal(texts);
    expect(reloaded.headers['x-portcullis-warning']).to.equal(posted.headers['x-portcullis-warning']);
    next = { ...next, warnings: Array(12).fill(warnings[0]) };
    expect((await admin.call('POST /config', { config: 'x' })).headers['x-portcullis-warning']).to.match(
      /; and 2 more$/,
    );
  });

  it('KD-02: an error response names line and field, and nests them as Kong does', async () => {
    next = {
      outcome: 'refused',
      problems: [
        { place: ['services', 1, 'host'], line: 4, message: 'required field missing' },
        { place: ['services', 1, 'plugins', 0, 'name'], line: 7, message: 'unknown' },
        { place: ['__proto__'], line: 9, message: 'unknown entity' },
        { place: [], message: 'too much' },
      ],
    };
    for (const line of ['POST /config', 'POST /config/reload']) {
      const { status, body } = await admin.call(line, { config: 'x' });
      expect(status).to.equal(400);
      expect(body).to.deep.include({ code: 14, name: 'invalid declarative configuration' });
      expect(body.message).to.equal(
        'declarative config is invalid: services[2].host: required field missing on line 4 and 3 more',
      );
      expect(body.fields.services).to.deep.equal([
        null,
        { host: 'required field missing', plugins: [{ name: 'unknown' }] },
      ]);
      expect(body.problems[0]).to.deep.equal({ line: 4, field: 'services[2].host', message: 'required field missing' });
    }
    expect(({} as Record<string, unknown>)['0']).to.equal(undefined);
  });

  it('KD-02: GET /config prints the configuration also without a file; POST needs an active file', async () => {
    activeDigest = undefined;
    expect((await admin.call('GET /config')).body).to.deep.equal({ config: '_format_version: "3.0"\n' });
    const { status, body } = await admin.call('POST /config', { config: 'x' });
    expect([status, body.message]).to.deep.equal([
      400,
      'this endpoint is only available while a configuration file is active: start the gate with PORTCULLIS_CONFIG',
    ]);
    expect((await admin.call('POST /services', { host: 'h' })).status).to.equal(201);
    expect((await admin.call('GET /')).body.configuration.database).to.equal('postgres');
  });
});

import { expect } from 'chai';
import { type Gate, gate, nowhere, uuid } from './gate.ts';

describe('The Admin API: entities', () => {
  let admin: Gate;
  beforeEach(async () => {
    admin = await gate();
  });
  afterEach(() => admin.close());

  describe('POST', () => {
    it('returns 201 with the whole row', async () => {
      const { status, headers, body } = await admin.call('POST /services', { name: 'a', host: 'a.example' });
      expect(status).to.equal(201);
      expect(headers).to.include({
        'content-type': 'application/json; charset=utf-8',
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
      });
      expect(body).to.deep.include({ name: 'a', port: 80, tags: null, created_at: 1_800_000_000 });
      expect((await admin.call(`GET /services/${body.id}`)).body).to.deep.equal(body);
      expect((await admin.call('GET /services/a')).body).to.deep.equal(body);
    });

    it('accepts JSON, forms and multipart', async () => {
      const parts = ['name', 'm', 'tags', 'x', 'host', 'm.example'];
      const multipart = [0, 2, 4]
        .map((i) => `--B\r\nContent-Disposition: form-data; name="${parts[i]}"\r\n\r\n${parts[i + 1]}\r\n`)
        .join('');
      const { body } = await admin.call('POST /services', `${multipart}--B--\r\n`, {
        'content-type': 'multipart/form-data; boundary=B',
      });
      expect(body).to.deep.include({ name: 'm', host: 'm.example', tags: ['x'] });
      const form = await admin.make(
        'POST /services',
        'name=f&host=f.example&port=8000&enabled=false&tags[]=a&tags[]=b',
      );
      expect(form).to.deep.include({ name: 'f', port: 8000, enabled: false, tags: ['a', 'b'] });
    });

    it('ignores the query', async () => {
      expect(await admin.make('POST /services?name=x', { host: 'h' })).to.include({ name: null });
    });

    it('names every violation at once', async () => {
      const { status, body } = await admin.call('POST /services', { port: 'x', nope: 1 });
      expect(status).to.equal(400);
      expect(body).to.deep.equal({
        code: 2,
        name: 'schema violation',
        message: '3 schema violations (host: required field missing; nope: unknown field; port: expected an integer)',
        fields: { host: 'required field missing', nope: 'unknown field', port: 'expected an integer' },
      });
    });

    it('returns 409 for a duplicate unique value, 400 for a duplicate id', async () => {
      const { id } = await admin.make('POST /services', { name: 'a', host: 'h' });
      const { status, body } = await admin.call('POST /services', { name: 'a', host: 'h' });
      expect([status, body.code, body.fields]).to.deep.equal([409, 5, { name: 'a' }]);
      const again = await admin.call('POST /services', { id, host: 'h' });
      expect([again.status, again.body.code]).to.deep.equal([400, 3]);
    });

    it('returns 400 for a reference to a missing row, by id or by name', async () => {
      const byId = await admin.call('POST /routes', { paths: ['/a'], service: { id: nowhere } });
      expect([byId.status, byId.body.code, byId.body.fields]).to.deep.equal([400, 4, { service: { id: nowhere } }]);
      const byName = await admin.call('POST /routes', 'paths=/a&service.name=nope');
      expect([byName.status, byName.body.code]).to.deep.equal([400, 13]);
    });

    it('resolves a reference by a unique field', async () => {
      const { id } = await admin.make('POST /services', { name: 'a', host: 'h' });
      expect((await admin.make('POST /routes', { paths: ['/a'], service: { name: 'a' } })).service).to.deep.equal({
        id,
      });
      expect((await admin.make('POST /routes', 'paths=/b&service.name=a')).service).to.deep.equal({ id });
    });
  });

  describe('PATCH', () => {
    it('changes what is sent and leaves the rest', async () => {
      const before = await admin.make('POST /services', { name: 'a', url: 'http://a.example/p', tags: ['t'] });
      admin.clock.at += 5000;
      const after = await admin.make('PATCH /services/a', 'path=&read_timeout=5');
      expect(after).to.deep.equal({ ...before, path: null, read_timeout: 5, updated_at: before.updated_at + 5 });
    });

    it('returns 404 with the key; for a plugin without it', async () => {
      const byName = await admin.call('PATCH /services/nope', { port: 1 });
      expect([byName.status, byName.body.code, byName.body.fields]).to.deep.equal([404, 6, { name: 'nope' }]);
      const byId = await admin.call(`PATCH /services/${nowhere}`, { port: 1 });
      expect(byId.body.message).to.equal(`could not find the entity with primary key '{id="${nowhere}"}'`);
      expect((await admin.call('PATCH /plugins/nope', {})).body).to.deep.equal({ message: 'Not found' });
    });

    it('of a plugin reads a form with the subschema of the stored plugin', async () => {
      const { id } = await admin.make('POST /plugins', 'name=oauth2&config.enable_client_credentials=true');
      const { config } = await admin.make(
        `PATCH /plugins/${id}`,
        'config.scopes=a,b&config.token_expiration=60&config.realm=',
      );
      expect(config).to.deep.include({ scopes: ['a', 'b'], token_expiration: 60, realm: null });
    });

    it('SE-06: is not changed by __proto__ and constructor', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      const body = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}';
      const { status, body: response } = await admin.call('PATCH /services/a', body, {
        'content-type': 'application/json',
      });
      expect(status).to.equal(400);
      expect(response.message).to.equal('2 schema violations (__proto__: unknown field; constructor: unknown field)');
      const form = await admin.call('PATCH /services/a', '__proto__[polluted]=1&constructor.prototype.polluted=1');
      expect(form.status).to.equal(400);
      expect(({} as { polluted?: number }).polluted).to.equal(undefined);
    });
  });

  describe('PUT', () => {
    it('creates a row under an id or a name, and returns 200', async () => {
      expect(await admin.make(`PUT /services/${uuid(1)}`, { name: 'a', host: 'h' })).to.include({
        id: uuid(1),
        name: 'a',
      });
      expect(await admin.make('PUT /services/b', { host: 'h' })).to.include({ name: 'b' });
    });

    it('replaces all but the id and the time of creation; the key in the path replaces that in the body', async () => {
      const before = await admin.make(`PUT /services/${uuid(1)}`, { name: 'a', host: 'h', tags: ['t'] });
      admin.clock.at += 5000;
      const byId = await admin.make(`PUT /services/${uuid(1).toUpperCase()}`, { id: uuid(2), host: 'i' });
      expect(byId).to.include({ id: uuid(1), name: null, host: 'i', tags: null, created_at: before.created_at });
      const named = await admin.make('PUT /services/new', { name: 'other', host: 'h' });
      expect(named).to.include({ name: 'new' });
    });

    it('under a name never replaces another row', async () => {
      const { id } = await admin.make('POST /services', { name: 'a', host: 'h' });
      const { status, body } = await admin.call('PUT /services/b', { id, host: 'i' });
      expect([status, body.code]).to.deep.equal([400, 3]);
      expect((await admin.call('GET /services/a')).body).to.include({ host: 'h' });
    });
  });

  describe('DELETE', () => {
    it('returns 204, also for a missing row', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      expect((await admin.call('DELETE /services/a')).status).to.equal(204);
      expect((await admin.call('DELETE /services/a')).status).to.equal(204);
      expect((await admin.call('GET /services/a')).body).to.deep.equal({ message: 'Not found' });
    });

    it('returns 400 while a route refers to the service', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      await admin.make('POST /services/a/routes', { name: 'r', paths: ['/r'] });
      const { status, body } = await admin.call('DELETE /services/a');
      expect([status, body.code, body.fields]).to.deep.equal([400, 4, { '@referenced_by': 'routes' }]);
      await admin.call('DELETE /routes/r');
      expect((await admin.call('DELETE /services/a')).status).to.equal(204);
    });

    it('of a consumer also removes its clients and their tokens', async () => {
      await admin.make('POST /consumers', { username: 'bob' });
      await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c' });
      await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT' });
      admin.announced.length = 0;
      expect((await admin.call('DELETE /consumers/bob')).status).to.equal(204);
      expect((await admin.call('GET /oauth2')).body.data).to.deep.equal([]);
      expect((await admin.call('GET /oauth2_tokens/AT')).status).to.equal(404);
      expect(admin.announced.map((a) => ('kind' in a ? a.kind : a.announces)).sort()).to.deep.equal([
        'consumers',
        'grantChanged',
        'oauth2_credentials',
      ]);
    });
  });

  describe('Below another entity', () => {
    let service: { id: string };
    beforeEach(async () => {
      service = await admin.make('POST /services', { name: 'a', host: 'h' });
      await admin.make('POST /services', { name: 'b', host: 'h' });
    });

    it('the parent in the path replaces the one in the body', async () => {
      const route = await admin.make('POST /services/a/routes', { paths: ['/r'], service: { id: nowhere } });
      expect(route.service).to.deep.equal({ id: service.id });
    });

    it('only the rows of the parent are found', async () => {
      await admin.make('POST /services/a/routes', { name: 'r', paths: ['/r'] });
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const { status } = await admin.call(`${method} /services/b/routes/r`, method === 'PATCH' ? {} : undefined);
        expect(status, method).to.equal(404);
      }
      expect((await admin.call('GET /services/a/routes/r')).status).to.equal(200);
      expect(await admin.make('PATCH /services/a/routes/r', 'methods[]=GET')).to.deep.include({ methods: ['GET'] });
      expect((await admin.call('GET /services/b/routes')).body).to.deep.equal({ data: [], next: null });
      expect((await admin.call('DELETE /services/a/routes/r')).status).to.equal(204);
      expect((await admin.call('DELETE /services/a/routes/r')).status).to.equal(404);
      expect((await admin.call('POST /services/nope/routes', {})).status).to.equal(404);
    });

    it('a change can move a row to another parent', async () => {
      await admin.make('POST /services/a/routes', { name: 'r', paths: ['/r'] });
      await admin.make('PATCH /services/a/routes/r', { service: { name: 'b' } });
      expect((await admin.call('GET /services/b/routes/r')).status).to.equal(200);
    });

    it('the row of a reference can be read, changed, created and linked, but not deleted', async () => {
      await admin.make('POST /routes', { name: 'r', paths: ['/r'] });
      for (const [method, status] of [
        ['GET', 404],
        ['PATCH', 404],
        ['DELETE', 404],
      ] as const) {
        expect((await admin.call(`${method} /routes/r/service`, method === 'PATCH' ? {} : undefined)).status).to.equal(
          status,
        );
      }
      const made = await admin.make('PUT /routes/r/service', { name: 'joined', host: 'h' });
      expect((await admin.call('GET /routes/r')).body.service).to.deep.equal({ id: made.id });
      expect((await admin.call('GET /routes/r/service')).body).to.include({ name: 'joined' });
      expect(await admin.make('PATCH /routes/r/service', { port: 5 })).to.include({ port: 5 });
      expect(await admin.make('PUT /routes/r/service', { host: 'i' })).to.include({ id: made.id, port: 80 });
      expect((await admin.call('DELETE /routes/r/service')).status).to.equal(405);
    });
  });

  describe('Plugins', () => {
    const config = { enable_client_credentials: true, provision_key: 'k' };

    it('are unique for route, service and consumer', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      await admin.make('POST /services/a/plugins', { name: 'oauth2', config });
      const { status, body } = await admin.call('POST /services/a/plugins', { name: 'oauth2', config });
      expect([status, body.code]).to.deep.equal([409, 5]);
      expect(body.fields).to.deep.include({ name: 'oauth2', route: null, consumer: null });
      await admin.make('POST /plugins', { name: 'oauth2', config });
    });

    it('can be found by their instance name', async () => {
      await admin.make('PUT /plugins/mine', { name: 'oauth2', config });
      expect((await admin.call('GET /plugins/mine')).body).to.include({ instance_name: 'mine' });
    });

    it('with protocols share one with their route or service', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      const tcp = { name: 'r', protocols: ['tcp'], sources: [{ port: 5 }] };
      await admin.make('POST /services/a/routes', tcp);
      const plugin = { name: 'oauth2', config, protocols: ['https'] };
      const onRoute = await admin.call('POST /routes/r/plugins', plugin);
      expect(onRoute.body.fields).to.deep.equal({ protocols: "must match the associated route's protocols" });
      const onService = await admin.call('POST /services/a/plugins', plugin);
      expect(onService.body.fields.protocols).to.include('at least one route');
      await admin.make('POST /services/a/routes', { paths: ['/r'] });
      await admin.make('POST /services/a/plugins', plugin);
    });

    it('that are unknown are refused by name', async () => {
      const { status, body } = await admin.call('POST /plugins', { name: 'saml' });
      expect([status, body.fields]).to.deep.equal([
        400,
        { name: "plugin 'saml' not enabled; add it to the 'plugins' configuration property" },
      ]);
    });
  });

  describe('Clients', () => {
    beforeEach(() => admin.make('POST /consumers', { username: 'bob' }));

    it('with hash_secret have their secret hashed before it is stored, once', async () => {
      const made = await admin.make(
        'POST /consumers/bob/oauth2',
        'name=h&client_id=c&client_secret=plain&hash_secret=true',
      );
      expect(made.client_secret).to.match(/^\$pbkdf2-sha512\$/);
      expect(admin.secrets).to.deep.equal(['plain']);
      const renamed = await admin.make('PATCH /oauth2/c', { name: 'n' });
      const sentBack = await admin.make('PUT /oauth2/c', renamed);
      expect([renamed.client_secret, sentBack.client_secret]).to.deep.equal([made.client_secret, made.client_secret]);
      expect(admin.secrets).to.have.length(1);
    });

    it('cannot change a secret without hash_secret', async () => {
      await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c', client_secret: 's' });
      const { status, body } = await admin.call('PATCH /oauth2/c', { client_secret: 't' });
      expect(status).to.equal(400);
      expect(body.fields['@entity'][0]).to.include(
        "all or none of these fields must be set: 'hash_secret', 'client_secret'",
      );
      expect(await admin.make('PATCH /oauth2/c', { client_secret: 't', hash_secret: false })).to.include({
        client_secret: 't',
      });
      expect(await admin.make('PATCH /oauth2/c', { client_secret: null })).to.include({ client_secret: null });
    });

    it('are found by their client_id in the query', async () => {
      await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c1' });
      await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c2' });
      const found = async (query: string) =>
        (await admin.call(`GET /oauth2?${query}`)).body.data.map(({ client_id }: { client_id: string }) => client_id);
      expect(await found('client_id=c2')).to.deep.equal(['c2']);
      expect(await found('client_id=none')).to.deep.equal([]);
      expect((await admin.call('GET /oauth2?client_id=')).status).to.equal(400);
    });

    it('SE-07: are found by text only', async () => {
      await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c1' });
      const { body } = await admin.call('POST /oauth2', { name: 'n', consumer: { username: { $gt: '' } } });
      expect(body.fields).to.deep.equal({ consumer: { username: 'expected a string' } });
      expect((await admin.call('GET /oauth2/%7B%22$gt%22%3A%22%22%7D')).status).to.equal(404);
      expect((await admin.call('GET /oauth2?client_id[$ne]=x')).body.data).to.have.length(1);
    });
  });

  describe('What has no effect', () => {
    it('KD-16: is written as in Kong, and a header warns of it', async () => {
      const only = 'is for streams, and the gate forwards HTTP, gRPC and WebSockets only';
      const none = `protocols: the route matches no request: tcp ${only}`;
      const tcp = { host: 'h', protocol: 'tcp' };
      const route = { protocols: ['tcp'], destinations: [{ port: 1 }] };
      for (const [line, body, warning] of [
        ['POST /services', { name: 's', ...tcp }, `protocol: tcp ${only}`],
        ['PUT /services/s', tcp, `protocol: tcp ${only}`],
        ['PATCH /services/s', { protocol: 'udp' }, `protocol: udp ${only}`],
        ['PATCH /services/s', { protocol: 'http' }, undefined],
        ['POST /routes', { name: 'r', ...route }, none],
        ['POST /services/s/routes', route, none],
        ['PUT /routes/r', { paths: ['/a'] }, undefined],
      ] as const) {
        const { status, headers } = await admin.call(line, body);
        expect(status, line).to.be.oneOf([200, 201]);
        expect(headers['x-portcullis-warning'], line).to.equal(warning);
      }
    });
  });

  describe('Two concurrent writes', () => {
    it('are both applied', async () => {
      await admin.make('POST /services', { name: 'a', host: 'h' });
      const fields = ['read_timeout', 'write_timeout', 'connect_timeout', 'retries'];
      await Promise.all(fields.map((field) => admin.make('PATCH /services/a', { [field]: 7 })));
      expect((await admin.call('GET /services/a')).body).to.include(Object.fromEntries(fields.map((f) => [f, 7])));
    });

    it('read a row again that was changed in between', async () => {
      const { store } = admin.options;
      const row = await admin.make('POST /services', { name: 'a', host: 'h' });
      let meddled = false;
      const meddling = await gate({
        ...admin.options,
        store: {
          ...store,
          replace(kind, changed, how) {
            if (!meddled) {
              meddled = true;
              store.replace(kind, { ...row, retries: 1 });
            }
            return store.replace(kind, changed, how);
          },
        },
      });
      try {
        const { status, body } = await meddling.call('PATCH /services/a', { port: 5 });
        expect([status, body.port, body.retries]).to.deep.equal([200, 5, 1]);
      } finally {
        await meddling.close();
      }
    });
  });

  describe('Announcements', () => {
    it('are made for every change, before the response', async () => {
      const { id } = await admin.make('POST /services', { name: 'a', host: 'h' });
      await admin.make('PATCH /services/a', { port: 1 });
      await admin.make('PUT /services/a', { host: 'i' });
      await admin.call('DELETE /services/a');
      const one = { announces: 'entityChanged', kind: 'services', id };
      expect(admin.announced).to.deep.equal([one, one, one, one]);
    });

    it('are not made if nothing was written', async () => {
      await admin.call('POST /services', {});
      await admin.call('PATCH /services/nope', {});
      await admin.call('DELETE /services/nope');
      await admin.call('POST /schemas/services/validate', { host: 'h' });
      expect(admin.announced).to.deep.equal([]);
    });
  });
});

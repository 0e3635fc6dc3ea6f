import { expect } from 'chai';
import { type Gate, gate, nowhere, uuid } from './gate.ts';

describe('The Admin API: upstreams and their targets', () => {
  let admin: Gate;

  beforeEach(async () => {
    admin = await gate();
  });

  afterEach(() => admin.close());

  it('an upstream is a host name with Kong’s defaults', async () => {
    const { status, body } = await admin.call('POST /upstreams', { name: 'orders.internal' });
    expect(status).to.equal(201);
    expect(body).to.deep.include({
      name: 'orders.internal',
      algorithm: 'round-robin',
      hash_on: 'none',
      hash_fallback: 'none',
      hash_on_cookie_path: '/',
      slots: 10000,
      use_srv_name: false,
      host_header: null,
      client_certificate: null,
      tags: null,
    });
    expect(body.healthchecks).to.deep.include({ threshold: 0 });
    expect(body.healthchecks.active).to.deep.include({
      type: 'http',
      timeout: 1,
      concurrency: 10,
      http_path: '/',
      https_verify_certificate: true,
      https_sni: null,
      headers: null,
      healthy: { interval: 0, http_statuses: [200, 302], successes: 0 },
    });
    expect(body.healthchecks.passive.unhealthy).to.deep.equal({
      http_statuses: [429, 500, 503],
      tcp_failures: 0,
      timeouts: 0,
      http_failures: 0,
    });
    expect((await admin.call('GET /upstreams/orders.internal')).body).to.deep.equal(body);
  });

  it('a name is a unique host name without a port', async () => {
    const wrong = async (name: string) => (await admin.call('POST /upstreams', { name })).body.fields.name;
    expect(await wrong('127.0.0.1')).to.equal("Invalid name ('127.0.0.1'); no ip addresses allowed");
    expect(await wrong('a:80')).to.equal("Invalid name ('a:80'); no port allowed");
    expect(await wrong('a b')).to.equal("Invalid name ('a b'); must be a valid hostname");
    await admin.call('POST /upstreams', { name: 'a' });
    expect((await admin.call('POST /upstreams', { name: 'a' })).status).to.equal(409);
  });

  it('a hash input sets the algorithm, unless that is sent too', async () => {
    const made = async (row: object) => (await admin.call('PUT /upstreams/a', { ...row })).body;
    expect(await made({ hash_on: 'ip' })).to.include({ hash_on: 'ip', algorithm: 'consistent-hashing' });
    expect(await made({ hash_on: 'none', algorithm: 'least-connections' })).to.include({
      algorithm: 'least-connections',
    });
    expect(await made({ hash_on: null })).to.include({ hash_on: 'none', algorithm: 'round-robin' });
    expect((await admin.call('PATCH /upstreams/a', { hash_on: 'path' })).body).to.include({
      algorithm: 'consistent-hashing',
    });
    expect((await made({ hash_on: 'header' })).message).to.equal(
      "2 schema violations (failed conditional validation given value of field 'hash_on'; hash_on_header: required field missing)",
    );
    expect((await made({ hash_on: 'ip', hash_fallback: 'ip' })).fields).to.have.property('hash_fallback');
    expect((await made({ hash_on: 'none', hash_fallback: 'ip' })).fields).to.have.property('hash_fallback');
  });

  it('a target has Kong’s port, times with milliseconds, and is found by address and id', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    admin.clock.at += 123;
    const { status, body } = await admin.call('POST /upstreams/u/targets', { target: '10.0.0.1' });
    expect(status).to.equal(201);
    expect(body).to.deep.include({ target: '10.0.0.1:8000', weight: 100, created_at: 1_800_000_000.123 });
    expect(body.upstream.id).to.be.a('string');
    for (const key of [body.id, '10.0.0.1:8000', '10.0.0.1']) {
      expect((await admin.call(`GET /upstreams/u/targets/${key}`)).body, key).to.deep.equal(body);
    }
    const patched = await admin.call('PATCH /upstreams/u/targets/10.0.0.1:8000', { weight: 0 });
    expect(patched.body).to.deep.include({ id: body.id, weight: 0 });
    expect((await admin.call('GET /upstreams/u/targets')).body.data).to.have.length(1);
    expect((await admin.call('GET /upstreams/u/targets/all')).body).to.deep.equal({ data: [patched.body], next: null });
    expect((await admin.call('DELETE /upstreams/u/targets/10.0.0.1:8000')).status).to.equal(204);
    expect((await admin.call('GET /upstreams/u/targets/all')).body.data).to.deep.equal([]);
  });

  it('an IPv6 address is in brackets, and a target can be a host name', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    const made = async (target: string) => (await admin.call('POST /upstreams/u/targets', { target })).body.target;
    expect(await made('::1')).to.equal('[::1]:8000');
    expect(await made('[::2]:90')).to.equal('[::2]:90');
    expect(await made('a.example:1')).to.equal('a.example:1');
    expect((await admin.call('POST /upstreams/u/targets', { target: 'a b' })).body.fields).to.deep.equal({
      target: 'Invalid target; not a valid hostname or ip address',
    });
  });

  it('PUT creates and replaces a target by its address or id', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    const put = (key: string, row: object) => admin.call(`PUT /upstreams/u/targets/${key}`, row);
    const first = await put('h:1', { weight: 1 });
    expect([first.status, first.body.target, first.body.weight]).to.deep.equal([200, 'h:1', 1]);
    const again = await put('h:1', { weight: 2 });
    expect(again.body).to.deep.include({ id: first.body.id, weight: 2 });
    expect((await put(uuid(7), { target: 'h:2' })).body).to.deep.include({ id: uuid(7), target: 'h:2' });
    expect((await put(uuid(7), { target: 'h:3' })).body).to.deep.include({ id: uuid(7), target: 'h:3' });
  });

  it('PUT changes only what the body has, and moves a target to another address', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    const put = (key: string, row: object) => admin.call(`PUT /upstreams/u/targets/${key}`, row);
    const { body: first } = await put('h:1', { weight: 7, tags: ['t'] });
    expect((await put('h:1', {})).body).to.deep.include({ id: first.id, weight: 7, tags: ['t'] });
    expect((await put(first.id, { weight: 3 })).body).to.deep.include({ target: 'h:1', weight: 3, tags: ['t'] });
    expect((await put('h:1', { tags: null })).body).to.deep.include({ weight: 3, tags: null });
    expect((await put('h:1', { target: 'h:9' })).body).to.deep.include({ id: first.id, target: 'h:9', weight: 3 });
    expect((await put(first.id, { target: '10.0.0.1' })).body).to.deep.include({ target: '10.0.0.1:8000' });
    expect((await admin.call('GET /upstreams/u/targets')).body.data).to.have.length(1);
    await put('h:2', {});
    expect((await put('h:2', { target: '10.0.0.1' })).status).to.equal(409);
  });

  it('/targets/all has pages', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    for (const port of [1, 2, 3]) await admin.call('POST /upstreams/u/targets', { target: `h:${port}`, tags: ['t'] });
    const { body } = await admin.call('GET /upstreams/u/targets/all?size=2');
    expect(body.data).to.have.length(2);
    expect(body.next).to.equal(`/upstreams/u/targets/all?offset=${encodeURIComponent(body.offset)}`);
    const rest = (await admin.call(`GET ${body.next}`)).body;
    expect([rest.data.length, rest.next]).to.deep.equal([1, null]);
    expect((await admin.call('GET /upstreams/u/targets/all?tags=none')).body.data).to.deep.equal([]);
    expect((await admin.call('GET /upstreams/u/targets/all?size=0')).body.code).to.equal(9);
  });

  it('the same target twice is a conflict, in another upstream it is not', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    await admin.call('POST /upstreams', { name: 'v' });
    const post = async (u: string) => (await admin.call(`POST /upstreams/${u}/targets`, { target: 'h:1' })).status;
    expect([await post('u'), await post('u'), await post('v')]).to.deep.equal([201, 409, 201]);
    const { body } = await admin.call('GET /upstreams/v/targets/h:1');
    expect((await admin.call(`GET /upstreams/u/targets/${body.id}`)).status).to.equal(404);
  });

  it('a missing row gets a 404', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    for (const line of [
      'GET /upstreams/unknown',
      'GET /upstreams/unknown/targets',
      'GET /upstreams/unknown/targets/all',
      'GET /upstreams/u/targets/h:1',
      `GET /upstreams/u/targets/${nowhere}`,
      'PATCH /upstreams/u/targets/h:1',
      'DELETE /upstreams/u/targets/h:1',
      'PUT /upstreams/unknown/targets/h:1',
    ]) {
      expect((await admin.call(line, line.startsWith('P') ? {} : undefined)).status, line).to.equal(404);
    }
  });

  it('an upstream is removed with its targets', async () => {
    await admin.call('POST /upstreams', { name: 'u' });
    await admin.call('POST /upstreams/u/targets', { target: 'h:1' });
    expect((await admin.call('DELETE /upstreams/u')).status).to.equal(204);
    await admin.call('POST /upstreams', { name: 'u' });
    expect((await admin.call('GET /upstreams/u/targets')).body.data).to.deep.equal([]);
  });
});

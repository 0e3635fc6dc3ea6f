import { expect } from 'chai';
import type { JsonObject } from '../../src/schema/description.ts';
import type { Violations } from '../../src/schema/violations.ts';
import { beginning, call, compiled, pluginWorld, refusedSettings } from './world.ts';

const hooksOf = (name: string, config: JsonObject = {}) => [compiled(name, config, pluginWorld())];

describe('ip-restriction', () => {
  for (const [config, from, passes] of [
    [{ allow: ['10.0.0.0/8', '::1'] }, '10.1.2.3', true],
    [{ allow: ['10.0.0.0/8', '::1'] }, '::1', true],
    [{ allow: ['10.0.0.0/8'] }, '11.0.0.1', false],
    [{ deny: ['203.0.113.9'] }, '203.0.113.9', false],
    [{ deny: ['203.0.113.9'] }, '203.0.113.10', true],
    [{ allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] }, '10.0.0.1', false],
    [{ allow: ['2001:db8::/32'] }, '2001:db8:1::1', true],
    [{ allow: ['0.0.0.0/0'] }, '2001:db8::1', false],
  ] as const) {
    it(`${JSON.stringify(config)} ${passes ? 'allows' : 'denies'} ${from}`, async () => {
      const { response } = await call(hooksOf('ip-restriction', config), 'GET /a', { from });
      expect(response?.status).to.equal(passes ? undefined : 403);
      if (!passes) expect(response?.body).to.contain(`"IP address not allowed: ${from}"`);
    });
  }

  it('responds with the configured status and message', async () => {
    const config = { deny: ['1.1.1.1'], status: 404, message: 'nothing here' };
    const { response } = await call(hooksOf('ip-restriction', config), 'GET /a', { from: '1.1.1.1' });
    expect(response?.status).to.equal(404);
    expect(response?.body).to.contain('"nothing here"');
  });

  it('accepts only addresses and networks', () => {
    expect(refusedSettings('ip-restriction', {})).to.have.property('@entity');
    for (const wrong of ['10.0.0.0/33', 'host.example', '1.2.3', '::/129', '010.0.0.1']) {
      expect(refusedSettings('ip-restriction', { deny: [wrong] }), wrong).to.deep.equal({
        config: { deny: [`invalid ip or cidr range: '${wrong}'`] },
      });
    }
  });
});

describe('request-termination', () => {
  for (const [config, status, body, type] of [
    [{}, 503, '{"message":"Service unavailable"}', 'application/json; charset=utf-8'],
    [{ status_code: 418 }, 418, '', undefined],
    [{ status_code: 418, message: 'teapot' }, 418, '{"message":"teapot"}', 'application/json; charset=utf-8'],
    [{ body: '<p>', content_type: 'text/html' }, 503, '<p>', 'text/html'],
  ] as const) {
    it(`responds ${status} ${body} for ${JSON.stringify(config)}`, async () => {
      const { response } = await call(hooksOf('request-termination', config), 'GET /a');
      expect(response).to.deep.include({ status, body });
      expect(response?.headers['content-type']).to.equal(type);
    });
  }

  it('responds only to requests with the trigger, in a header or the query', async () => {
    const hooks = hooksOf('request-termination', { trigger: 'X-Stop' });
    expect((await call(hooks, 'GET /a')).response).to.equal(undefined);
    expect((await call(hooks, 'GET /a', { headers: { 'x-stop': '' } })).response?.status).to.equal(503);
    expect((await call(hooks, 'GET /a?X-Stop')).response?.status).to.equal(503);
  });

  it('shows a client its request with echo', async () => {
    const { response } = await call(
      hooksOf('request-termination', { echo: true, status_code: 404 }),
      'POST /a?b=1&b=2',
      {
        headers: { 'X-A': ['1', '2'] },
        rows: {
          route: { id: 'route-api', paths: ['/a'], strip_path: true, snis: null, service: { id: 'service-api' } },
          service: { id: 'service-api', host: 'api.internal', path: null, retries: 5 },
        },
      },
    );
    expect(JSON.parse(response!.body)).to.deep.equal({
      message: 'Not found',
      request: {
        method: 'POST',
        scheme: 'https',
        host: 'gate.example',
        port: 8443,
        path: '/a',
        headers: { host: 'gate.example', 'x-a': '1, 2' },
        query: { b: ['1', '2'] },
      },
      matched_route: { id: 'route-api', paths: ['/a'], strip_path: true, service: { id: 'service-api' } },
      matched_service: { id: 'service-api', host: 'api.internal', retries: 5 },
    });
    const withoutService = await call(hooksOf('request-termination', { echo: true }), 'GET /a', {
      rows: { route: { id: 'route-api' }, service: undefined },
    });
    expect(JSON.parse(withoutService.response!.body)).to.deep.include({
      matched_route: { id: 'route-api' },
      matched_service: null,
    });
  });

  it('refuses combinations that contradict each other', () => {
    for (const wrong of [
      { message: 'a', body: 'b' },
      { content_type: 'a' },
      { echo: true, body: 'b' },
      { status_code: 101 },
      { status_code: 600 },
    ]) {
      expect(refusedSettings('request-termination', wrong), JSON.stringify(wrong)).to.have.property('config');
    }
  });
});

describe('settings, refused with the messages of Kong', () => {
  const wrong = (name: string, config: JsonObject) => (refusedSettings(name, config) as Violations)['config'];

  it('of request-termination: one response, an error of the settings as a whole', () => {
    const message = 'message cannot be used with content_type or body';
    expect(wrong('request-termination', { message: 'a', body: 'b' })).to.equal(message);
    expect(wrong('request-termination', { content_type: 'a' })).to.equal('content_type requires a body');
    expect(wrong('request-termination', { echo: true, body: 'b' })).to.equal(
      'echo cannot be used with content_type and body',
    );
  });

  it('of the transformers: lists that are never null, of names with values', () => {
    for (const name of ['request-transformer', 'response-transformer']) {
      expect(wrong(name, { add: { headers: null } })).to.deep.equal({ add: { headers: 'required field missing' } });
      expect(wrong(name, { add: { headers: ['a:b', 'nocolon'] } })).to.deep.equal({
        add: { headers: [null, 'invalid value: nocolon'] },
      });
    }
  });

  it('of rate-limiting: a valid path', () => {
    const path = (path: string) => wrong('rate-limiting', { minute: 1, limit_by: 'path', path });
    expect(path('/a//b')).to.deep.equal({ path: 'must not have empty segments' });
    expect(path('/a?b')).to.deep.equal({
      path: "invalid path: '/a?b' (characters outside of the reserved list of RFC 3986 found)",
    });
  });

  it('of ip-restriction: lists, not sets', () => {
    expect(wrong('ip-restriction', { allow: '10.0.0.1' })).to.deep.equal({ allow: 'expected an array' });
  });

  it('of oauth2: token_expiration is not negative', () => {
    for (const seconds of [-1, -0.5]) {
      expect(wrong('oauth2', { enable_client_credentials: true, token_expiration: seconds })).to.deep.equal({
        token_expiration: 'must not be negative; 0 means that tokens never expire',
      });
    }
    const none = { enable_client_credentials: true, token_expiration: 0 };
    expect(refusedSettings('oauth2', none)).to.equal(undefined);
  });

  it('of oauth2: booleans are never null', () => {
    for (const name of ['accept_http_if_already_terminated', 'global_credentials']) {
      expect(wrong('oauth2', { enable_client_credentials: true, [name]: null }), name).to.deep.equal({
        [name]: 'required field missing',
      });
    }
  });
});

describe('correlation-id', () => {
  it('keeps the id that a request has', async () => {
    const hooks = hooksOf('correlation-id', { header_name: 'X-Cid', echo_downstream: true });
    const { upstream, headers } = await call(hooks, 'GET /a', { headers: { 'x-cid': 'given' } });
    expect(upstream.headers['x-cid']).to.equal('given');
    expect(headers['x-cid']).to.equal('given');
  });

  it('adds an id to a request that has none, and sends it to the client only with echo_downstream', async () => {
    const [hooks] = hooksOf('correlation-id', { header_name: 'X-Cid', generator: 'uuid#counter' });
    const ids = [];
    for (const given of [{}, { 'X-Cid': '' }]) {
      const { upstream, headers } = await call([hooks!], 'GET /a', { headers: given });
      ids.push(upstream.headers['x-cid']);
      expect(headers).to.deep.equal({});
    }
    const uuid = ids[0]!.slice(0, 36);
    expect(ids).to.deep.equal([`${uuid}#1`, `${uuid}#2`]);
  });

  it('generates a UUID for each request, or an id of address and time', async () => {
    const uuids = hooksOf('correlation-id', { generator: 'uuid' });
    const one = (await call(uuids, 'GET /a')).upstream.headers['kong-request-id'];
    const other = (await call(uuids, 'GET /a')).upstream.headers['kong-request-id'];
    expect(one).to.match(/^[0-9a-f-]{36}$/);
    expect(other)
      .to.match(/^[0-9a-f-]{36}$/)
      .and.not.equal(one);
    const { upstream } = await call(hooksOf('correlation-id', { generator: 'tracker' }), 'GET /a');
    expect(upstream.headers['kong-request-id']).to.match(/^203\.0\.113\.9-8443-[0-9a-f]{8}-1-/);
    expect(upstream.headers['kong-request-id']).to.contain(`-${(beginning / 1000).toFixed(3)}`);
  });

  it('requires a header that can be set', () => {
    for (const header_name of ['Connection', 'content-length', 'a b', 'x\r\ny']) {
      expect(refusedSettings('correlation-id', { header_name }), header_name).to.have.nested.property(
        'config.header_name',
      );
    }
  });
});

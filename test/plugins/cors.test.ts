import { expect } from 'chai';
import type { JsonObject } from '../../src/schema/description.ts';
import { call, compiled, pluginWorld, refusedSettings } from './world.ts';

const preflight = {
  Origin: 'https://o.example',
  'Access-Control-Request-Method': 'PUT',
  'Access-Control-Request-Headers': 'x-a, authorization',
};
const origin = (value: string) => ({ headers: { Origin: value } });
const cors = (config: JsonObject = {}) => [compiled('cors', config, pluginWorld())];
const strict = {
  origins: ['https://o.example', 'https://.*\\.x\\.example'],
  methods: ['GET', 'POST'],
  headers: ['X-H'],
  exposed_headers: ['X-E'],
  credentials: true,
  max_age: 60,
};

describe('cors', () => {
  it('responds to a preflight: every method, and the headers that it asks for', async () => {
    const { response } = await call(cors(), 'OPTIONS /a', { headers: preflight });
    expect(response).to.deep.equal({
      status: 200,
      body: '',
      headers: {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': 'x-a, authorization',
        'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT',
      },
    });
  });

  it('one origin that is a regular expression is matched, never sent', async () => {
    const config = { origins: ['https://.*\\.x\\.example'] };
    for (const [from, allowed] of [
      ['https://a.x.example', 'https://a.x.example'],
      ['https://evil.example', undefined],
    ] as const) {
      const { headers } = await call(cors(config), 'GET /a', origin(from));
      expect(headers['access-control-allow-origin'], from).to.equal(allowed);
      expect(headers['vary'], from).to.equal('Origin');
    }
  });

  it('forwards OPTIONS requests that are not preflights', async () => {
    const { response, headers } = await call(cors(), 'OPTIONS /a', origin('https://o.example'));
    expect(response).to.equal(undefined);
    expect(headers).to.deep.equal({ 'access-control-allow-origin': '*' });
  });

  for (const [from, allowed] of [
    ['https://o.example', 'https://o.example'],
    ['https://o.example:443', 'https://o.example'],
    ['https://a.x.example', 'https://a.x.example'],
    ['https://a.x.example.evil.example', undefined],
    ['http://o.example', undefined],
    ['https://o.example:8443', undefined],
    ['https://evil.example/https://o.example', undefined],
    ['null', undefined],
  ] as const) {
    it(`${allowed === undefined ? 'does not allow' : 'allows'} ${from}`, async () => {
      for (const [line, headers] of [
        ['OPTIONS /a', { ...preflight, Origin: from }],
        ['GET /a', { Origin: from }],
      ] as const) {
        const fromUpstream = { headers: { 'Access-Control-Allow-Origin': 'https://by-the-upstream.example' } };
        const called = await call(cors(strict), line, { headers, fromUpstream });
        expect(called.headers['access-control-allow-origin']).to.equal(allowed);
        expect(called.headers).to.include({ vary: 'Origin', 'access-control-allow-credentials': 'true' });
      }
    });
  }

  it('sends the headers that scripts may read, and how long browsers may cache', async () => {
    const { headers } = await call(cors(strict), 'GET /a', origin('https://o.example'));
    expect(headers['access-control-expose-headers']).to.equal('X-E');
    const { response } = await call(cors(strict), 'OPTIONS /a', { headers: preflight });
    expect(response?.headers).to.include({
      'access-control-allow-headers': 'X-H',
      'access-control-allow-methods': 'GET,POST',
      'access-control-max-age': '60',
    });
    expect(response?.headers).to.not.have.property('access-control-expose-headers');
  });

  it('sends a single origin in every response', async () => {
    const { headers } = await call(
      cors({ origins: ['https://one.example'] }),
      'GET /a',
      origin('https://evil.example'),
    );
    expect(headers).to.deep.equal({ 'access-control-allow-origin': 'https://one.example', vary: 'Origin' });
  });

  it('forwards a preflight unchanged with preflight_continue', async () => {
    const fromUpstream = { headers: { 'Access-Control-Allow-Origin': 'https://by-the-upstream.example' } };
    const called = await call(cors({ preflight_continue: true }), 'OPTIONS /a', { headers: preflight, fromUpstream });
    expect(called.response).to.equal(undefined);
    expect(called.headers).to.deep.equal({ 'access-control-allow-origin': 'https://by-the-upstream.example' });
  });

  it('sends the origin instead of * with credentials', async () => {
    const { headers } = await call(cors({ credentials: true }), 'GET /a', origin('https://any.example'));
    expect(headers).to.deep.equal({
      'access-control-allow-origin': 'https://any.example',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
    expect((await call(cors({ credentials: true }), 'GET /a')).headers).to.deep.equal({
      'access-control-allow-origin': '*',
    });
  });

  it('keeps the Vary header of the upstream', async () => {
    const fromUpstream = { headers: { Vary: 'Accept' } };
    const { headers } = await call(cors(strict), 'GET /a', { ...origin('https://o.example'), fromUpstream });
    expect(headers['vary']).to.equal('Accept, Origin');
  });

  it('matches a pattern without a colon against the host', async () => {
    const config = { origins: ['.*\\.x\\.example', 'https://o.example'] };
    const { headers } = await call(cors(config), 'GET /a', origin('http://a.x.example:81'));
    expect(headers['access-control-allow-origin']).to.equal('http://a.x.example:81');
  });

  it('allows private networks with private_network', async () => {
    const headers = { ...preflight, 'Access-Control-Request-Private-Network': 'true' };
    const { response } = await call(cors({ private_network: true }), 'OPTIONS /a', { headers });
    expect(response?.headers['access-control-allow-private-network']).to.equal('true');
    const silent = await call(cors(), 'OPTIONS /a', { headers });
    expect(silent.response?.headers).to.not.have.property('access-control-allow-private-network');
  });

  it('SE-08: no pattern blocks the gate', async () => {
    const hooks = cors({ origins: ['(a+)+$', 'https://o.example'] });
    const { headers } = await call(hooks, 'GET /a', origin(`${'a'.repeat(5000)}!`));
    expect(headers).to.not.have.property('access-control-allow-origin');
  });

  it('refuses a setting that is neither an origin nor a pattern', () => {
    expect(refusedSettings('cors', { origins: ['https://(.example'] })).to.deep.equal({
      config: { origins: ["'https://(.example' is not a valid regex"] },
    });
    expect(refusedSettings('cors', { origins: ['*', 'https://o.example'] })).to.equal(undefined);
  });
});

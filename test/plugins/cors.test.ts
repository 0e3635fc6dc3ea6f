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
  it('answers a preflight itself: every method, whatever headers are asked for', async () => {
    const { answer } = await call(cors(), 'OPTIONS /a', { headers: preflight });
    expect(answer).to.deep.equal({
      status: 200,
      body: '',
      headers: {
        'access-control-allow-origin': '*',
        'access-control-allow-headers': 'x-a, authorization',
        'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT',
      },
    });
  });

  it('passes on OPTIONS that is no preflight', async () => {
    const { answer, headers } = await call(cors(), 'OPTIONS /a', origin('https://o.example'));
    expect(answer).to.equal(undefined);
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
    it(`tells ${from} ${allowed === undefined ? 'nothing' : 'that it may read'}`, async () => {
      for (const [line, headers] of [
        ['OPTIONS /a', { ...preflight, Origin: from }],
        ['GET /a', { Origin: from }],
      ] as const) {
        const answered = { headers: { 'Access-Control-Allow-Origin': 'https://by-the-upstream.example' } };
        const called = await call(cors(strict), line, { headers, answered });
        expect(called.headers['access-control-allow-origin']).to.equal(allowed);
        expect(called.headers).to.include({ vary: 'Origin', 'access-control-allow-credentials': 'true' });
      }
    });
  }

  it('tells scripts what they may read, and browsers how long they may remember', async () => {
    const { headers } = await call(cors(strict), 'GET /a', origin('https://o.example'));
    expect(headers['access-control-expose-headers']).to.equal('X-E');
    const { answer } = await call(cors(strict), 'OPTIONS /a', { headers: preflight });
    expect(answer?.headers).to.include({
      'access-control-allow-headers': 'X-H',
      'access-control-allow-methods': 'GET,POST',
      'access-control-max-age': '60',
    });
    expect(answer?.headers).to.not.have.property('access-control-expose-headers');
  });

  it('tells one origin to everybody, whoever asks', async () => {
    const { headers } = await call(
      cors({ origins: ['https://one.example'] }),
      'GET /a',
      origin('https://evil.example'),
    );
    expect(headers).to.deep.equal({ 'access-control-allow-origin': 'https://one.example', vary: 'Origin' });
  });

  it('leaves a preflight to the upstream, with nothing of its own, where it is told to', async () => {
    const answered = { headers: { 'Access-Control-Allow-Origin': 'https://by-the-upstream.example' } };
    const called = await call(cors({ preflight_continue: true }), 'OPTIONS /a', { headers: preflight, answered });
    expect(called.answer).to.equal(undefined);
    expect(called.headers).to.deep.equal({ 'access-control-allow-origin': 'https://by-the-upstream.example' });
  });

  it('with credentials names the origin in the place of *', async () => {
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

  it('keeps what the upstream says of Vary', async () => {
    const answered = { headers: { Vary: 'Accept' } };
    const { headers } = await call(cors(strict), 'GET /a', { ...origin('https://o.example'), answered });
    expect(headers['vary']).to.equal('Accept, Origin');
  });

  it('a pattern without a colon is for the host', async () => {
    const config = { origins: ['.*\\.x\\.example', 'https://o.example'] };
    const { headers } = await call(cors(config), 'GET /a', origin('http://a.x.example:81'));
    expect(headers['access-control-allow-origin']).to.equal('http://a.x.example:81');
  });

  it('lets private networks be called where it is told to', async () => {
    const headers = { ...preflight, 'Access-Control-Request-Private-Network': 'true' };
    const { answer } = await call(cors({ private_network: true }), 'OPTIONS /a', { headers });
    expect(answer?.headers['access-control-allow-private-network']).to.equal('true');
    const silent = await call(cors(), 'OPTIONS /a', { headers });
    expect(silent.answer?.headers).to.not.have.property('access-control-allow-private-network');
  });

  it('SE-08: no pattern keeps the gate busy', async () => {
    const hooks = cors({ origins: ['(a+)+$', 'https://o.example'] });
    const { headers } = await call(hooks, 'GET /a', origin(`${'a'.repeat(5000)}!`));
    expect(headers).to.not.have.property('access-control-allow-origin');
  });

  it('refuses what is neither an origin nor a pattern', () => {
    expect(refusedSettings('cors', { origins: ['https://(.example'] })).to.deep.equal({
      config: { origins: ["'https://(.example' is not a valid regex"] },
    });
    expect(refusedSettings('cors', { origins: ['*', 'https://o.example'] })).to.equal(undefined);
  });
});

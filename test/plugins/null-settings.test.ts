/** Kong lets an operator write null for a setting that is not required, also for one that has a default. */
import { expect } from 'chai';
import { call, compiled, pluginWorld } from './world.ts';

describe('A setting that is null has its default', () => {
  it('rate-limiting: calls are counted with policy, limit_by and error_code null', async () => {
    const world = pluginWorld();
    const config = { minute: 1, policy: null, limit_by: null, error_code: null, error_message: null };
    const hooks = compiled('rate-limiting', config, world);
    expect((await call([hooks], 'GET /a')).response).to.equal(undefined);
    expect((await call([hooks], 'GET /a')).response?.status).to.equal(429);
    expect(world.failures).to.deep.equal([]);
  });

  it('cors: methods', async () => {
    const headers = { Origin: 'https://o.example', 'Access-Control-Request-Method': 'PUT' };
    const { response } = await call([compiled('cors', { methods: null }, pluginWorld())], 'OPTIONS /a', { headers });
    expect(response?.headers['access-control-allow-methods']).to.match(/^GET,HEAD,/);
  });

  it('correlation-id: header_name', async () => {
    const hooks = compiled('correlation-id', { header_name: null }, pluginWorld());
    expect((await call([hooks], 'GET /a')).upstream.headers).to.have.property('kong-request-id');
  });

  it('jwt: the places of a token and the claim', async () => {
    const config = { uri_param_names: null, cookie_names: null, header_names: null, key_claim_name: null };
    const { response } = await call([compiled('jwt', config, pluginWorld())], 'GET /a');
    expect(response?.status).to.equal(401);
  });

  it('hmac-auth: headers, algorithms and clock skew', async () => {
    const config = { enforce_headers: null, algorithms: null, clock_skew: null };
    const world = pluginWorld();
    const headers = {
      Date: new Date(world.now).toUTCString(),
      Authorization: 'hmac username="al", algorithm="hmac-sha256", headers="date", signature="eA=="',
    };
    const { response } = await call([compiled('hmac-auth', config, world)], 'GET /a', { headers });
    expect(response?.status).to.equal(401);
    expect(response?.body).to.include('"HMAC signature cannot be verified"');
  });
});

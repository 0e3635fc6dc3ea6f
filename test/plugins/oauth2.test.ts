import { expect } from 'chai';
import { call, compiled, pluginWorld } from './world.ts';

describe('oauth2', () => {
  it('has its endpoints at every path with that ending, with or without a final slash', async () => {
    const hooks = [compiled('oauth2', { enable_client_credentials: true, provision_key: 'p' }, pluginWorld())];
    const endpoint = async (path: string) => (await call(hooks, `POST ${path}`)).handover?.handover;
    for (const before of ['', '/a', '/a/oauth2/token']) {
      for (const [path, name] of [
        ['/oauth2/token', 'token'],
        ['/oauth2/token/', 'token'],
        ['/oauth2/token/?x=/y', 'token'],
        ['/oauth2/authorize', 'authorize'],
        ['/oauth2/authorize/', 'authorize'],
        ['/oauth2/token//', undefined],
        ['/oauth2/tokens', undefined],
        ['/oauth2/Token', undefined],
        ['/xoauth2/toke', undefined],
      ] as const) {
        expect(await endpoint(before + path), before + path).to.equal(name);
      }
    }
    expect(await endpoint('/aoauth2/token')).to.equal(undefined);
  });
});

import { expect } from 'chai';
import type { JsonObject } from '../../src/schema/description.ts';
import { type Call, call, compiled, pluginWorld } from './world.ts';

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

  describe('TK-25: plain HTTP counts as secure', () => {
    const local = { Host: 'localhost' };
    const forwarded = { 'X-Forwarded-Proto': 'https' };
    const terminated = { accept_http_if_already_terminated: true };
    const cases: readonly (readonly [string, string, JsonObject, Call & { readonly plain?: 'never' }])[] = [
      ['from loopback', 'secure', {}, { headers: local }],
      ['from loopback, where that is switched off: not', 'plain', {}, { headers: local, plain: 'never' }],
      ['from a trusted proxy on loopback: not', 'plain', {}, { headers: local, peerTrusted: true }],
      ['for another host: not', 'plain', {}, {}],
      ['from a trusted proxy that says https', 'secure', terminated, { headers: forwarded, peerTrusted: true }],
      ['from a trusted proxy, without the setting: not', 'plain', {}, { headers: forwarded, peerTrusted: true }],
      ['from an untrusted peer that says https: not', 'plain', terminated, { headers: forwarded }],
      [
        'from a trusted proxy that says http: not',
        'plain',
        terminated,
        { headers: { 'X-Forwarded-Proto': 'http' }, peerTrusted: true },
      ],
      [
        'in any letter case, with blanks',
        'secure',
        terminated,
        { headers: { 'X-Forwarded-Proto': ' HTTPS ' }, peerTrusted: true },
      ],
      [
        'from a trusted proxy that says two things in one field: not',
        'ambiguous',
        terminated,
        { headers: { 'X-Forwarded-Proto': 'https, http' }, peerTrusted: true },
      ],
      [
        'from a trusted proxy that says two things in two fields: not',
        'ambiguous',
        terminated,
        { headers: { 'X-Forwarded-Proto': ['https', 'https'] }, peerTrusted: true },
      ],
    ];
    for (const [what, transport, config, { plain, ...sent }] of cases) {
      it(what, async () => {
        const world = pluginWorld({ plainHttpTokens: plain ?? 'loopback' });
        const hooks = [compiled('oauth2', { enable_client_credentials: true, ...config }, world)];
        const { handover } = await call(hooks, 'POST /oauth2/token', { scheme: 'http', ...sent });
        expect(handover?.to).to.have.nested.property('request.transport', transport);
      });
    }
  });

  describe('with anonymous', () => {
    const guarded = () => {
      const world = pluginWorld();
      world.insert('consumers', { username: 'anon' });
      const alice = world.insert('consumers', { username: 'alice' });
      world.insert('keyauth_credentials', { consumer: { id: alice.id }, key: 'K1' });
      return [
        compiled('key-auth', { anonymous: 'anon' }, world),
        compiled('oauth2', { anonymous: 'anon', enable_client_credentials: true, hide_credentials: true }, world),
      ];
    };

    it('checks no token of a caller that another plugin authenticated', async () => {
      const headers = { apikey: 'K1', Authorization: 'Bearer of the upstream' };
      const { upstream } = await call(guarded(), 'GET /a', { headers });
      expect(upstream.headers).to.include({ 'x-consumer-username': 'alice', authorization: 'Bearer of the upstream' });
    });

    it('hides a token in the query or in a form: the other fields are sorted by name and encoded again', async () => {
      const sent = 'b=2&e=1=2&&a=1+x%2fy&access_token=t&c&d=%zz&%61ccess_token=u';
      const hidden = 'a=1%20x%2Fy&b=2&c&d=%zz&e=1%3D2';
      expect((await call(guarded(), `GET /a?${sent}`)).upstream.target).to.equal(`/a?${hidden}`);
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      expect((await call(guarded(), 'POST /a', { headers, body: sent })).upstream.body).to.equal(hidden);
      const kept = 'b=2&&a=1+x%2fy';
      expect((await call(guarded(), `GET /a?${kept}`)).upstream.target, 'without a token').to.equal(`/a?${kept}`);
    });
  });
});

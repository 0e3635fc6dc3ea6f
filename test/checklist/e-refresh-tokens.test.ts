/** Group E of the security checklist: refresh tokens, asked of a whole gate. */
import { expect } from 'chai';
import { app, type ChecklistGate, openChecklistGate, other, phone, profileNames, provisionKey } from './world.ts';

for (const profile of profileNames) {
  const kong = profile === 'kong';
  describe(`E. Refresh tokens, profile ${profile}`, () => {
    let there: ChecklistGate;
    before(async () => {
      there = await openChecklistGate();
    });
    after(() => there.gate.close());

    it('RF-01: a refresh token is for its client alone, and the attempt of another client does not change it', async () => {
      for (const [owner, thief] of [
        [app, other],
        [app, phone],
        [phone, app],
      ] as const) {
        const { refresh_token } = await there.granted(profile, owner);
        expect((await there.refresh(profile, thief, refresh_token)).status).to.equal(400);
        expect((await there.refresh(profile, owner, refresh_token)).status).to.equal(200);
      }
    });

    it(`RF-02: a refresh ${kong ? 'keeps the scope, whatever is asked for, as in Kong' : 'may narrow the scope, and never widens it'}`, async () => {
      const scopeOf = async (accessToken: string) =>
        (await there.gate.get(`/${profile}/x`, accessToken)).body.headers['x-authenticated-scope'];
      const { refresh_token } = await there.granted(profile, app, { scope: 'read write' });
      const wider = await there.refresh(profile, app, refresh_token, { scope: 'read write admin' });
      if (kong) {
        expect(await scopeOf(wider.body.access_token)).to.equal('read write');
        return;
      }
      expect(wider.body.error).to.equal('invalid_scope');
      const narrower = await there.refresh(profile, app, refresh_token, { scope: 'read' });
      expect(await scopeOf(narrower.body.access_token)).to.equal('read');
      const back = await there.refresh(profile, app, narrower.body.refresh_token);
      expect(back.status).to.equal(200);
      expect(['read', 'read write']).to.include(await scopeOf(back.body.access_token));
    });

    it('RF-03: it is another one after each refresh, and the old one and its access token are refused', async () => {
      const first = await there.granted(profile, phone);
      const { body } = await there.refresh(profile, phone, first.refresh_token);
      expect(body.refresh_token).not.to.equal(first.refresh_token);
      expect(await there.use(profile, first.access_token)).to.equal(401);
      expect(await there.use(profile, body.access_token)).to.equal(200);
    });

    it(`RF-04: the reuse of an old one ${kong ? 'is refused, and changes nothing else, as in Kong' : 'revokes the grant'}`, async () => {
      const first = await there.granted(profile, phone);
      const { body: second } = await there.refresh(profile, phone, first.refresh_token);
      expect((await there.refresh(profile, phone, first.refresh_token)).status).to.equal(400);
      expect(await there.use(profile, second.access_token)).to.equal(kong ? 200 : 401);
      expect((await there.refresh(profile, phone, second.refresh_token)).status).to.equal(kong ? 200 : 400);
    });

    it('RF-06: within the grace period the same successor is returned again, and there is only one', async () => {
      const { data } = await there.gate.setUp('GET', `/services/${profile}/plugins`);
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { refresh_token_grace: 60 } });
      const first = await there.granted(profile, phone);
      const responses = await Promise.all(
        Array.from({ length: 4 }, () => there.refresh(profile, phone, first.refresh_token)),
      );
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { refresh_token_grace: null } });
      const good = responses.filter(({ status }) => status === 200);
      expect(good.length).to.be.greaterThan(0);
      if (!kong) expect(good).to.have.length(4);
      expect(new Set(good.map(({ body }) => body.refresh_token)).size).to.equal(1);
    });

    it('RF-07: no refresh token is an access token, and no access token a refresh token', async () => {
      const { access_token, refresh_token } = await there.granted(profile, app);
      expect(await there.use(profile, refresh_token)).to.equal(401);
      expect((await there.refresh(profile, app, access_token)).status).to.equal(400);
      expect((await there.redeem(profile, app, refresh_token)).status).to.equal(400);
    });

    it('RF-09: it becomes invalid with its grant: when the operator deletes the token, and when its bearer revokes it', async () => {
      const one = await there.granted(profile, app);
      const { data } = await there.gate.setUp('GET', '/oauth2_tokens?size=1000');
      const row = data.find(({ access_token }: { access_token: string }) =>
        one.access_token.startsWith(access_token.replace('…', '')),
      );
      await there.gate.setUp('DELETE', `/oauth2_tokens/${row.id}`);
      expect(await there.use(profile, one.access_token)).to.equal(401);
      expect((await there.refresh(profile, app, one.refresh_token)).status).to.equal(400);

      const two = await there.granted(profile, app);
      const headers = { Authorization: `Bearer ${two.access_token}` };
      const gone = await fetch(`${there.gate.proxy}/${profile}/oauth2/tokens`, { method: 'DELETE', headers });
      expect(gone.status).to.equal(204);
      expect((await there.refresh(profile, app, two.refresh_token)).status).to.equal(400);
    });

    it('RF-11: its tokens are valid at the service of the grant, and at no other', async () => {
      const { refresh_token } = await there.granted(profile, app);
      expect((await there.token('other', { grant_type: 'refresh_token', ...app, refresh_token })).status).to.equal(400);
      const { body } = await there.refresh(profile, app, refresh_token);
      expect(await there.use(profile, body.access_token)).to.equal(200);
      expect(await there.use('other', body.access_token)).to.equal(401);
    });

    it('CA-03, SE-02: neither the provision key nor any token of this is in the log', async () => {
      const { access_token, refresh_token } = await there.granted(profile, app);
      await there.gate.get(`/${profile}/x?access_token=${access_token}&refresh_token=${refresh_token}`);
      const log = there.gate.log.join('');
      for (const secret of [access_token, refresh_token, provisionKey, app.client_secret]) {
        expect(log).not.to.include(secret);
      }
    });
  });
}

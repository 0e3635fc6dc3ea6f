/** Group D of the security checklist: how clients prove who they are, asked of a whole gate. */
import { expect } from 'chai';
import { app, basic, type ChecklistGate, openChecklistGate, other, phone, profileNames } from './world.ts';

for (const profile of profileNames) {
  const kong = profile === 'kong';
  describe(`D. Client authentication, profile ${profile}`, () => {
    let there: ChecklistGate;
    before(async () => {
      there = await openChecklistGate();
    });
    after(() => there.gate.close());
    const grant = { grant_type: 'client_credentials' };

    it('CA-01, CA-02: a secret in the header or in the body', async () => {
      const plain = { client_id: 'plain', client_secret: 'abc' };
      await there.gate.setUp('POST', '/consumers/ada/oauth2', { name: 'plain', ...plain });
      expect((await there.token(profile, grant, basic(plain))).status).to.equal(200);
      expect((await there.token(profile, { ...grant, ...plain })).status).to.equal(200);
    });

    it('CA-01: id and secret are read form-decoded in the header (RFC 6749 §2.3.1), and as sent', async () => {
      const odd = { client_id: 'odd:id %', client_secret: 'a:b+c %é' };
      await there.gate.setUp('POST', '/consumers/ada/oauth2', { name: 'odd', ...odd });
      expect((await there.token(profile, grant, basic(odd))).status).to.equal(200);
      const raw = { client_id: 'raw+id%20', client_secret: 'p%2B:+' };
      await there.gate.setUp('POST', '/consumers/ada/oauth2', { name: 'raw', ...raw });
      const asSent = `Basic ${Buffer.from(`${raw.client_id}:${raw.client_secret}`).toString('base64')}`;
      expect((await there.token(profile, grant, { authorization: asSent })).status).to.equal(200);
    });

    if (!kong) {
      it('CA-03: a secret in the URL is ignored', async () => {
        const response = await there.gate.post(`/rfc9700/oauth2/token?${new URLSearchParams({ ...app })}`, grant);
        expect(response.status).to.equal(400);
      });

      it('CA-04: two ways at once are refused, also with the same secret', async () => {
        const response = await there.token(profile, { ...grant, ...app }, basic(app));
        expect(response.status).to.equal(400);
        expect(response.body.error).to.equal('invalid_request');
      });
    }

    it('CA-05, RF-10: no grant without proof: no secret, an empty one, a wrong one, another one’s', async () => {
      const { refresh_token } = await there.granted(profile, app);
      const code = await there.code(profile, app);
      for (const request of [
        grant,
        {
          grant_type: 'authorization_code',
          code,
          redirect_uri: 'https://app.example/cb?x=1',
          code_verifier: 'a'.repeat(43),
        },
        { grant_type: 'refresh_token', refresh_token },
      ]) {
        for (const proof of [{}, { client_secret: '' }, { client_secret: other.client_secret }]) {
          const { status, body } = await there.token(profile, { ...request, client_id: 'app', ...proof });
          expect(status).to.be.oneOf([400, 401]);
          expect(body.error).to.equal('invalid_client');
        }
      }
      expect((await there.redeem(profile, app, code)).status, 'and it costs the client nothing').to.equal(200);
    });

    it(`CA-06: guessing ${kong ? 'is limited where limit_failures says so' : 'is limited'}, by client and address`, async () => {
      const guessed = { client_id: 'guessed', client_secret: 'right' };
      await there.gate.setUp('POST', '/consumers/ada/oauth2', { name: 'guessed', ...guessed });
      if (kong) {
        const { data } = await there.gate.setUp('GET', '/services/kong/plugins');
        await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { limit_failures: true } });
      }
      const statuses: number[] = [];
      for (let n = 0; n < 12; n++) {
        statuses.push((await there.token(profile, { ...grant, ...guessed, client_secret: `guess ${n}` })).status);
      }
      expect(statuses.slice(0, 10)).to.deep.equal(Array(10).fill(400));
      expect(statuses.slice(10)).to.deep.equal([429, 429]);
      const put = await there.token(profile, { ...grant, ...guessed });
      expect(put.status, 'the response does not show that this one was right').to.equal(429);
      expect(Number(put.headers.get('retry-after'))).to.be.within(1, 60);
      expect((await there.token(profile, { ...grant, ...app })).status, 'another client is not rate limited').to.equal(
        200,
      );
    });

    it('CA-08: an unknown client and a wrong secret get the same response', async () => {
      for (const headers of [undefined, 'basic']) {
        const [one, two] = await Promise.all(
          [
            { client_id: 'app', client_secret: 'wrong' },
            { client_id: 'unknown', client_secret: 'wrong' },
          ].map((proof) =>
            headers === undefined
              ? there.token(profile, { grant_type: 'refresh_token', refresh_token: 'x', ...proof })
              : there.token(profile, { grant_type: 'refresh_token', refresh_token: 'x' }, basic(proof)),
          ),
        );
        expect(one!.body).to.deep.equal(two!.body);
        expect(one!.status).to.equal(two!.status);
        expect(one!.headers.get('www-authenticate')).to.equal(two!.headers.get('www-authenticate'));
      }
    });

    it('CA-09: a public client names itself, and a secret it sends is refused', async () => {
      const code = await there.code(profile, phone);
      const wrong = await there.redeem(profile, phone, code, { client_secret: 'guess' });
      expect(wrong.status).to.be.oneOf([400, 401]);
      expect((await there.redeem(profile, phone, code)).status).to.equal(200);
    });

    it('CA-12, RF-09: the tokens of a deleted client are invalid from the next request on', async () => {
      const { id } = await there.gate.setUp('POST', '/consumers/ada/oauth2', {
        name: 'leaving',
        client_id: 'leaving',
        client_secret: 'x',
        redirect_uris: ['https://leaving.example/'],
      });
      const leaving = { client_id: 'leaving', client_secret: 'x' };
      const tokens = await there.granted(profile, leaving);
      const code = await there.code(profile, leaving);
      expect(await there.use(profile, tokens.access_token)).to.equal(200);
      await there.gate.setUp('DELETE', `/oauth2/${id}`);
      expect(await there.use(profile, tokens.access_token)).to.equal(401);
      expect((await there.refresh(profile, leaving, tokens.refresh_token)).status).to.equal(400);
      expect((await there.redeem(profile, leaving, code)).status).to.equal(400);
      // Nor does another client of the same name inherit any of it.
      await there.gate.setUp('POST', '/consumers/ada/oauth2', {
        name: 'new',
        ...leaving,
        redirect_uris: ['https://leaving.example/'],
      });
      expect(await there.use(profile, tokens.access_token)).to.equal(401);
      expect((await there.refresh(profile, leaving, tokens.refresh_token)).status).to.equal(400);
      expect((await there.redeem(profile, leaving, code)).status).to.equal(400);
    });
  });
}

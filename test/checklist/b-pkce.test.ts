/** Group B of the security checklist: proof of possession of the code (RFC 7636), asked of a whole gate. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { app, type ChecklistGate, errorOf, openChecklistGate, phone, profileNames, s256, verifier } from './world.ts';

for (const profile of profileNames) {
  const kong = profile === 'kong';
  describe(`B. PKCE, profile ${profile}`, () => {
    let there: ChecklistGate;
    before(async () => {
      there = await openChecklistGate();
    });
    after(() => there.gate.close());
    const ask = (more: Record<string, string>, client: { readonly client_id: string } = phone) =>
      there.authorize(profile, { response_type: 'code', client_id: client.client_id, ...more });

    it('PK-01, PK-02: the whole flow with S256', async () => {
      for (const client of [phone, app]) {
        const { access_token } = await there.granted(profile, client);
        expect(await there.use(profile, access_token)).to.equal(200);
      }
    });

    it('PK-03: plain is refused; without a method it is S256 in Kong’s words, and refused in rfc9700', async () => {
      expect(errorOf(await ask({ code_challenge: verifier, code_challenge_method: 'plain' }))).to.equal(
        'invalid_request',
      );
      const unnamed = await ask({ code_challenge: s256.code_challenge });
      expect(errorOf(unnamed)).to.equal(kong ? null : 'invalid_request');
    });

    it('PK-04: a public client gets no code without a challenge', async () => {
      expect(errorOf(await ask({}))).to.equal('invalid_request');
    });

    it('PK-05: a confidential client needs one, too, in rfc9700; in kong where pkce says strict', async () => {
      const asked = await ask({ redirect_uri: 'https://app.example/second' }, app);
      expect(errorOf(asked)).to.equal(kong ? null : 'invalid_request');
      const { data } = await there.gate.setUp('GET', `/services/${profile}/plugins`);
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { pkce: 'strict' } });
      expect(errorOf(await ask({ redirect_uri: 'https://app.example/second' }, app))).to.equal('invalid_request');
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { pkce: 'lax' } });
    });

    it('PK-06: a code with a challenge is not redeemed without its verifier', async () => {
      const { token_type: _, ...response } = (
        await there.token(profile, {
          grant_type: 'authorization_code',
          ...phone,
          code: await there.code(profile, phone),
        })
      ).body;
      expect(response).not.to.have.property('access_token');
      expect(response.error).to.be.oneOf(['invalid_grant', 'invalid_request']);
    });

    it('PK-12: a challenge that a client uses again is detected, and gets the usual response', async () => {
      const reused = async () =>
        Number(
          /^portcullis_code_challenges_reused_total (\d+)$/m.exec(
            await (await fetch(`${there.gate.admin}/metrics`)).text(),
          )?.[1],
        );
      const warned = () => there.gate.log.filter((line) => line.includes('uses a code challenge again'));
      const code_challenge = createHash('sha256').update(`PK-12 ${profile}`).digest('base64url');
      const flow = () => ask({ code_challenge, code_challenge_method: 'S256' });
      const ofAnother = { code_challenge, code_challenge_method: 'S256', redirect_uri: 'https://app.example/second' };
      const [number, lines] = [await reused(), warned().length];
      expect(errorOf(await flow())).to.equal(null);
      expect(errorOf(await ask(ofAnother, app))).to.equal(null);
      expect([await reused(), warned().length]).to.deep.equal([number, lines]);
      expect(errorOf(await flow())).to.equal(null);
      expect([await reused(), warned().length]).to.deep.equal([number + 1, lines + 1]);
      expect(JSON.parse(warned().at(-1)!))
        .to.include({ level: 'warn' })
        .and.to.have.property('credentialId');
      expect(there.gate.log.join('')).not.to.include(code_challenge);
    });

    it('PK-07: no other verifier passes', async () => {
      const unreserved = fc.string({
        unit: fc.constantFrom(...'ABCXYZabcxyz0189-._~'),
        minLength: 43,
        maxLength: 128,
      });
      await fc.assert(
        fc.asyncProperty(unreserved, async (guess) => {
          fc.pre(guess !== verifier);
          const response = await there.redeem(profile, phone, await there.code(profile, phone), {
            code_verifier: guess,
          });
          expect(response.status).to.equal(400);
          expect(response.body.error).to.equal('invalid_grant');
        }),
        { numRuns: 10 },
      );
    });

    it('PK-08: a verifier for a code without a challenge: refused in rfc9700, which gives no such code; ignored in kong', async () => {
      const asked = await ask({ redirect_uri: 'https://app.example/second' }, app);
      if (!kong) {
        expect(errorOf(asked)).to.equal('invalid_request');
        return;
      }
      const code = new URL(asked.body.redirect_uri).searchParams.get('code')!;
      const response = await there.redeem(profile, app, code, { redirect_uri: 'https://app.example/second' });
      expect(response.status).to.equal(200);
    });

    for (const [length, fits] of [
      [42, false],
      [43, true],
      [128, true],
      [129, false],
    ] as const) {
      it(`PK-09: a verifier of ${length} characters ${fits ? 'is one' : 'is none'}`, async () => {
        const { createHash } = await import('node:crypto');
        const long = 'v'.repeat(length);
        const code_challenge = createHash('sha256').update(long).digest('base64url');
        const code = await there.code(profile, phone, { ...s256, code_challenge });
        const response = await there.redeem(profile, phone, code, { code_verifier: long });
        expect(response.status).to.equal(fits ? 200 : 400);
      });
    }

    if (!kong) {
      it('PK-10: a challenge is 43 characters of base64url', async () => {
        for (const code_challenge of [
          'a'.repeat(42),
          'a'.repeat(44),
          `${'a'.repeat(42)}=`,
          `${'a'.repeat(42)}+`,
          'é',
        ]) {
          expect(errorOf(await ask({ ...s256, code_challenge })), code_challenge).to.equal('invalid_request');
        }
      });
    }

    it(`PK-11: a wrong verifier ${kong ? 'leaves the code as it is, as in Kong' : 'uses the code up'}`, async () => {
      const code = await there.code(profile, phone);
      expect((await there.redeem(profile, phone, code, { code_verifier: 'w'.repeat(43) })).status).to.equal(400);
      expect((await there.redeem(profile, phone, code)).status).to.equal(kong ? 200 : 400);
    });
  });
}

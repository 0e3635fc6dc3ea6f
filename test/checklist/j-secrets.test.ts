/** Group J of the security checklist: what is stored and said, looked at from outside of a whole gate. */
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { app, type ChecklistGate, errorOf, openChecklistGate, phone, profileNames, s256 } from './world.ts';

describe('J. Storage, secrets, logs', () => {
  let there: ChecklistGate;
  before(async () => {
    there = await openChecklistGate();
  });
  after(() => there.gate.close());

  it('SE-04: lifetimes are settings, and everything expires unless a setting says otherwise', async () => {
    for (const profile of profileNames) {
      const { data } = await there.gate.setUp('GET', `/services/${profile}/plugins`);
      expect(data[0].config).to.include({ token_expiration: 7200, refresh_token_ttl: 1_209_600 });
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { token_expiration: 60 } });
      const { body } = await there.token(profile, { grant_type: 'client_credentials', ...app });
      expect(body.expires_in).to.equal(60);
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { token_expiration: 7200 } });
    }
  });

  it('SE-05: files with keys can be read by their owner only', () => {
    const isPrivate = (path: string) => (statSync(path).mode & 0o077) === 0;
    const openToOthers = (directory: string): string[] =>
      readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
        const path = join(directory, entry.name);
        if (isPrivate(path)) return [];
        return entry.isDirectory() ? openToOthers(path) : [entry.name];
      });
    const all = readdirSync(there.gate.directory);
    expect(all).to.include.members(['store']);
    // A certificate is public.
    expect(
      openToOthers(there.gate.directory).filter((name) => !/cert|\.crt|\.pem/.test(name) || /key/.test(name)),
    ).to.deep.equal([]);
  });

  for (const profile of profileNames) {
    it(`SE-10: no id that the Admin API shows works at the gate, profile ${profile}`, async () => {
      const { access_token, refresh_token } = await there.granted(profile, app);
      expect(await there.use(profile, access_token)).to.equal(200);
      const { data } = await there.gate.setUp('GET', '/oauth2_tokens?size=1000');
      for (const row of data) {
        for (const id of [row.id, row.credential.id, row.service?.id ?? row.id]) {
          expect(await there.use(profile, id)).to.equal(401);
          expect((await there.refresh(profile, app, id)).status).to.equal(400);
        }
      }
      expect((await there.refresh(profile, app, refresh_token)).status).to.equal(200);
    });

    it(`SE-11, AZ-32: the gate never calls an address that a client sends, profile ${profile}`, async () => {
      let calls = 0;
      const listener = createServer((_, response) => {
        calls++;
        response.end();
      });
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
      const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/x`;
      for (const name of ['request_uri', 'request', 'jwks_uri', 'redirect_uri', 'sector_identifier_uri']) {
        const response = await there.authorize(profile, {
          response_type: 'code',
          client_id: 'phone',
          ...s256,
          [name]: address,
        });
        expect(response.status).to.be.below(500);
        if (profile === 'rfc9700' && /^request/.test(name)) expect(errorOf(response)).to.be.a('string');
      }
      listener.close();
      expect(calls).to.equal(0);
    });

    it(`SE-12: no code is given to a public client because it was given one before, profile ${profile}`, async () => {
      await there.code(profile, phone);
      const again = await there.gate.post(`/${profile}/oauth2/authorize`, {
        response_type: 'code',
        client_id: 'phone',
        authenticated_userid: 'owner-1',
        ...s256,
      });
      expect(again.status).to.equal(400);
      expect(again.body).not.to.have.property('redirect_uri');
    });
  }
});

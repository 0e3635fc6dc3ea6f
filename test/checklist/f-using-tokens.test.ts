/** Group F of the security checklist: tokens at the gate, asked of a whole gate. */
import { expect } from 'chai';
import { rawCall, statusOf } from '../support/sockets.ts';
import { app, type ChecklistGate, openChecklistGate, profileNames } from './world.ts';

for (const profile of profileNames) {
  const kong = profile === 'kong';
  describe(`F. Using tokens at the gate, profile ${profile}`, () => {
    let there: ChecklistGate;
    let token: string;
    before(async () => {
      there = await openChecklistGate();
      ({ access_token: token } = await there.granted(profile, app, { scope: 'read' }));
    });
    after(() => there.gate.close());
    const get = (headers: Record<string, string>, query = '') =>
      there.gate.get(`/${profile}/x${query}`, undefined, headers);
    const raw = (lines: readonly string[]) =>
      rawCall(
        Number(new URL(there.gate.proxy).port),
        [`GET /${profile}/x HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...lines, '', ''].join('\r\n'),
      );

    it('RS-01: the scheme is compared without case, with several blanks', async () => {
      for (const value of [`Bearer ${token}`, `bearer ${token}`, `BEARER ${token}`, `Bearer   ${token}`]) {
        expect((await get({ Authorization: value })).status, value.slice(0, 8)).to.equal(200);
      }
    });

    it('RS-02: two headers with a token are refused; a token in the header and elsewhere is refused in rfc9700', async () => {
      const response = await raw([`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]);
      expect(statusOf(response)).to.equal(400);
      const both = await get({ Authorization: `Bearer ${token}` }, `?access_token=${token}`);
      // Kong looks at the header alone, where there is one.
      expect(both.status).to.equal(kong ? 200 : 400);
    });

    it('RS-03: a token in a body counts in kong alone, and never with GET or DELETE', async () => {
      const sent = (method: string, type: string, body: string) =>
        fetch(`${there.gate.proxy}/${profile}/x`, { method, headers: { 'Content-Type': type }, body });
      const form = 'application/x-www-form-urlencoded';
      expect((await sent('POST', form, `access_token=${token}`)).status).to.equal(kong ? 200 : 401);
      expect((await sent('POST', 'application/json', `{"access_token":"${token}"}`)).status).to.equal(kong ? 200 : 401);
      expect((await sent('DELETE', form, `access_token=${token}`)).status).to.equal(401);
      expect((await sent('POST', 'text/plain', `access_token=${token}`)).status).to.equal(401);
    });

    it('RS-04: only kong accepts a token in the query, and the log never contains it', async () => {
      expect((await get({}, `?access_token=${token}`)).status).to.equal(kong ? 200 : 401);
      expect(there.gate.log.join('')).not.to.include(token);
    });

    it('RS-05, RS-06, RS-07: each 401 has a challenge; without a token it says nothing of an error', async () => {
      const none = await get({});
      expect(none.status).to.equal(401);
      expect(none.headers.get('www-authenticate'))
        .to.match(/^Bearer/)
        .and.not.include('error');
      for (const wrong of ['x', 'x'.repeat(32), '00000000-0000-4000-8000-000000000000', `${token}x`, token.slice(1)]) {
        const response = await get({ Authorization: `Bearer ${wrong}` });
        expect(response.status).to.equal(401);
        expect(response.headers.get('www-authenticate')).to.include('error="invalid_token"');
        expect(response.body.error).to.equal('invalid_token');
      }
    });

    it('RS-09: a text that is no token is refused, and matches none', async () => {
      for (const wrong of ['{"$gt":""}', '.*', `${token.slice(0, 5)}.*`, '$ne', '%00', 'a b', "' OR 1=1 --", '*']) {
        expect((await get({ Authorization: `Bearer ${wrong}` })).status, wrong).to.equal(401);
      }
    });

    it('RS-10, RS-12: identity headers of a client never reach the upstream, in any spelling', async () => {
      const names = [
        'X-Consumer-ID',
        'x-consumer-username',
        'X_Consumer_Username',
        'X-AUTHENTICATED-USERID',
        'X-Authenticated_Scope',
        'x-credential-identifier',
        'X-Anonymous-Consumer',
      ];
      const response = await raw([
        `Authorization: Bearer ${token}`,
        ...names.map((name) => `${name}: forged`),
        `Connection: ${names.join(', ')}`,
      ]);
      const { rawHeaders, headers } = JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4));
      expect(rawHeaders).not.to.include('forged');
      expect(headers).to.include({ 'x-consumer-username': 'ada', 'x-authenticated-userid': 'owner-1' });
    });

    it('RS-11: forwarding headers of an untrusted peer are replaced', async () => {
      const { body } = await get({
        Authorization: `Bearer ${token}`,
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'evil.example',
        'X-Real-IP': '203.0.113.7',
      });
      expect(body.headers).to.include({ 'x-forwarded-proto': 'http', 'x-real-ip': '127.0.0.1' });
      expect(body.headers['x-forwarded-host']).not.to.equal('evil.example');
    });

    it('RS-13: hide_credentials takes the token out of header, query and form before it goes upstream', async () => {
      const { data } = await there.gate.setUp('GET', `/services/${profile}/plugins`);
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { hide_credentials: true } });
      const inHeader = await get({ Authorization: `Bearer ${token}` }, '?a=1');
      expect(inHeader.status).to.equal(200);
      expect(JSON.stringify(inHeader.body)).not.to.include(token);
      if (kong) {
        const inQuery = await get({}, `?a=1&access_token=${token}&b=2`);
        expect(inQuery.body.url).to.equal('/x?a=1&b=2');
        const inForm = await there.gate.post('/kong/x', { a: '1', access_token: token });
        expect(inForm.body.body).to.equal('a=1');
        const send = async (type: string, body: string, headers = {}, query = '') => {
          const response = await fetch(`${there.gate.proxy}/kong/x${query}`, {
            method: 'POST',
            headers: { 'Content-Type': type, ...headers },
            body,
          });
          expect(response.status, type).to.equal(200);
          const sent = (await response.json()) as { body: string };
          expect(JSON.stringify(sent), type).not.to.include(token);
          return sent.body;
        };
        const large = '12345678901234567890';
        expect(await send('application/json', `{"n":${large},"access_token":"${token}"}`)).to.equal(`{"n":${large}}`);
        const part = (name: string, value: string) =>
          `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
        const parts = `${part('access_token', token)}${part('a', '1')}`;
        const multipart = 'multipart/form-data; boundary=B';
        expect(await send(multipart, `${parts}--B--\r\n`)).to.equal(`${part('a', '1')}--B--\r\n`);
        await send(multipart, parts);
        await send('application/json', '{"a":1}', { Authorization: token });
        await send('application/json', '{"a":1}', { Authorization: `Bearer ${token}` }, `?access_token=${token}`);
        await send('application/json', `{"access_token":"${token}"}`, {}, `?access_token=${token}`);
      }
      const scheme = await get({ Authorization: `${kong ? 'token' : 'bearer'} ${token}` }, '?a=1');
      expect([scheme.status, JSON.stringify(scheme.body).includes(token)]).to.deep.equal([200, false]);
      const { id: anonymous } = await there.gate.setUp('PUT', '/consumers/anonymous-caller', {});
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous } });
      for (const [headers, query] of [
        [{ Authorization: 'Bearer not a token' }, ''],
        [{ Authorization: `Bearer ${token}x` }, ''],
        [{ Authorization: `Bearer ${token}` }, `?access_token=${token}`],
        [{}, `?b=1&access_token=${token}x`],
      ] as const) {
        const { status, body } = await get(headers, query);
        expect(status).to.equal(200);
        expect(JSON.stringify(body)).not.to.include(token).and.not.to.include('not a token');
      }
      for (const [type, body] of [
        ['application/json', `{"a":1,"access_token":"${token}x"}`],
        ['application/x-www-form-urlencoded', `a=1&access_token=${token}x`],
      ] as const) {
        const response = await fetch(`${there.gate.proxy}/${profile}/x`, {
          method: 'POST',
          headers: { 'Content-Type': type, Authorization: 'Bearer wrong' },
          body,
        });
        const text = await response.text();
        expect([response.status, text.includes(token), text.includes('wrong')], type).to.deep.equal([
          200,
          false,
          false,
        ]);
      }
      const another = await get({ Authorization: 'Basic YTpi' });
      expect(JSON.stringify(another.body)).to.include(kong ? 'x-anonymous-consumer' : 'Basic YTpi');
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous: null } });
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { hide_credentials: false } });
    });

    it('RS-16: a token is refused on the next request after it was revoked, though it was just used', async () => {
      const { access_token } = await there.granted(profile, app);
      expect(await there.use(profile, access_token)).to.equal(200);
      const headers = { Authorization: `Bearer ${access_token}` };
      await fetch(`${there.gate.proxy}/${profile}/oauth2/tokens`, { method: 'DELETE', headers });
      const after = await Promise.all(Array.from({ length: 8 }, () => there.use(profile, access_token)));
      expect(after).to.deep.equal(Array(8).fill(401));
    });

    it('RS-17: a token that has expired is refused, though it was just used', async () => {
      const { id: credential } = await there.gate.setUp('GET', '/oauth2/app');
      const { id: service } = await there.gate.setUp('GET', `/services/${profile}`);
      const token = { credential: { id: credential }, service: { id: service }, expires_in: 60 };
      const ageing = `ageing-token-of-${profile}`;
      await there.gate.setUp('POST', '/oauth2_tokens', { ...token, access_token: ageing });
      expect(await there.use(profile, ageing)).to.equal(200);
      const anHourAgo = Math.floor(Date.now() / 1000) - 3600;
      await there.gate.setUp('PATCH', `/oauth2_tokens/${ageing}`, { created_at: anHourAgo });
      expect(await there.use(profile, ageing)).to.equal(401);
      const born = `born-old-at-${profile}`;
      await there.gate.setUp('POST', '/oauth2_tokens', { ...token, access_token: born, created_at: anHourAgo });
      expect(await there.use(profile, born)).to.equal(401);
    });

    it('RS-18: a token that was used before it existed is valid as soon as it does', async () => {
      const { id: credential } = await there.gate.setUp('GET', '/oauth2/app');
      const { id: service } = await there.gate.setUp('GET', `/services/${profile}`);
      const early = `early-token-of-${profile}`;
      expect(await there.use(profile, early)).to.equal(401);
      await there.gate.setUp('POST', '/oauth2_tokens', {
        credential: { id: credential },
        service: { id: service },
        access_token: early,
        expires_in: 60,
      });
      expect(await there.use(profile, early)).to.equal(200);
    });

    it('RS-23: with anonymous, a request with a wrong token is admitted as that consumer and as no other', async () => {
      const { id } = await there.gate.setUp('POST', '/consumers', { username: `anonymous of ${profile}` });
      const { data } = await there.gate.setUp('GET', `/services/${profile}/plugins`);
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous: id } });
      const { body } = await get({ Authorization: 'Bearer wrong', 'X-Authenticated-Userid': 'forged' });
      expect(body.headers).to.include({ 'x-anonymous-consumer': 'true', 'x-consumer-id': id });
      expect(body.headers).not.to.have.any.keys(
        'x-authenticated-userid',
        'x-authenticated-scope',
        'x-credential-identifier',
      );
      await there.gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous: null } });
    });

    it('RS-24: the gate sets no cookie', async () => {
      for (const response of [await get({}), await get({ Authorization: `Bearer ${token}` })]) {
        expect(response.headers.getSetCookie()).to.deep.equal([]);
      }
    });
  });
}

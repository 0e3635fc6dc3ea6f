/** CA-01: HTTP Basic credentials of any client library, as sent and form-encoded (RFC 6749 §2.3.1; docs/decisions/0025). */
import { expect } from 'chai';
import fc from 'fast-check';
import { secretHashes } from '../../adapters/crypto/secret-hash.ts';
import { createGate } from '../../adapters/library/portcullis.ts';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
/** As Go's url.QueryEscape and URLSearchParams encode. */
const formEncode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);

/** Each library's Basic header for a client. */
const senders: Readonly<Record<string, (clientId: string, secret: string) => string>> = {
  'curl -u, Authlib, requests, axios: as they are': (clientId, secret) => base64(`${clientId}:${secret}`),
  'x/oauth2: form-encoded': (clientId, secret) => base64(`${formEncode(clientId)}:${formEncode(secret)}`),
  'openid-client: percent-encoded': (clientId, secret) =>
    base64(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`),
};

// "client-secret = *VSCHAR" (RFC 6749 Appendix A.2), with the characters that encodings change in most of them.
const visible = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
const secrets = fc
  .array(fc.oneof(visible, fc.constantFrom('%', '+', ' ', ':', '%2B', '%25', '%zz', '&', '=')), {
    minLength: 1,
    maxLength: 24,
  })
  .map((parts) => parts.join(''));

const ask = (authorization: string, gate: ReturnType<typeof createGate>, from?: string) =>
  gate.exchange({ grant_type: 'client_credentials' }, { authorization: `Basic ${authorization}`, from });

for (const profile of ['rfc9700', 'kong'] as const) {
  describe(`Basic credentials, profile ${profile}`, () => {
    for (const [library, header] of Object.entries(senders)) {
      it(`any secret is accepted from ${library}`, () =>
        fc.assert(
          fc.asyncProperty(secrets, async (clientSecret) => {
            const gate = createGate({
              profile,
              clients: [{ clientId: 'printer', clientSecret, redirectUris: ['https://a.example/'] }],
            });
            expect(await ask(header('printer', clientSecret), gate)).to.include({ state: 'issued' });
            expect(await ask(header('printer', `${clientSecret}.`), gate)).to.include({
              state: 'refused',
              reason: 'client_authentication_failed',
            });
          }),
        ));
    }

    it('the secret p%2B is accepted as sent and form-encoded, and p+ is not', async () => {
      const gate = createGate({
        profile,
        clients: [{ clientId: 'printer', clientSecret: 'p%2B', redirectUris: ['https://a.example/'] }],
      });
      expect(await ask(base64('printer:p%2B'), gate)).to.include({ state: 'issued' });
      expect(await ask(base64('printer:p%252B'), gate)).to.include({ state: 'issued' });
      expect(await ask(base64('printer:p+'), gate)).to.include({ state: 'refused' });
    });

    it('a hashed secret is accepted in both forms', async () => {
      const clientSecret = await secretHashes().hash('50% + more');
      const gate = createGate({
        profile,
        clients: [{ clientId: 'printer', clientSecret, redirectUris: ['https://a.example/'] }],
      });
      for (const header of Object.values(senders)) {
        expect(await ask(header('printer', '50% + more'), gate)).to.include({ state: 'issued' });
        expect(await ask(header('printer', '50% + less'), gate)).to.include({ state: 'refused' });
      }
    });

    it('an id is read in both forms', async () => {
      const gate = createGate({
        profile,
        clients: [{ clientId: 'a b', clientSecret: 's', redirectUris: ['https://a.example/'] }],
      });
      for (const id of ['a b', 'a+b', 'a%20b', '%61+b']) {
        expect(await ask(base64(`${id}:s`), gate), id).to.include({ state: 'issued' });
      }
    });

    it('KD-14: where the readings name two clients, the request is refused as ambiguous', async () => {
      const client = { clientSecret: 's', redirectUris: ['https://a.example/'] };
      const gate = createGate({
        profile,
        limitFailures: true,
        clients: [
          { ...client, clientId: 'a+b' },
          { ...client, clientId: 'a b' },
        ],
      });
      const refused = await ask(base64('a+b:s'), gate);
      expect(refused).to.include({ reason: 'client_authentication_ambiguous', error: 'invalid_client', status: 401 });
      expect(refused).to.have.property('remedy').that.includes('in the body');
      expect(refused.response).not.to.have.property('clientId');
      expect(await ask(base64('a b:s'), gate), 'one reading').to.include({ state: 'issued' });
      const inBody = { grant_type: 'client_credentials', client_id: 'a+b', client_secret: 's' };
      expect(await gate.exchange(inBody)).to.include({ state: 'issued' });
      for (let n = 0; n < 10; n++) await ask(base64('a+b:s'), gate, '192.0.2.1');
      expect(await ask(base64('a+b:s'), gate, '192.0.2.1'), 'counted').to.include({ status: 429 });
    });
  });
}

/** CA-06: guesses at the provision key are limited, whichever endpoint receives them. */
import { expect } from 'chai';
import { createGate } from '../../adapters/library/portcullis.ts';

const provisionKey = 'correct horse battery staple';
const client = { clientId: 'shop', clientSecret: 'the secret of the shop', redirectUris: ['https://shop.example/cb'] };

describe('Guesses at the provision key', () => {
  const asked = (parameters: Record<string, string>) => ({
    method: 'POST',
    transport: 'secure' as const,
    query: '',
    contentType: 'application/x-www-form-urlencoded',
    body: Buffer.from(String(new URLSearchParams(parameters))),
    authorization: undefined,
    realm: undefined,
    from: '192.0.2.9',
  });

  const others: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'without a client, for an unknown grant type': { grant_type: 'guess' },
    'of a client, for itself': {
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_secret: client.clientSecret,
    },
  };
  for (const [whose, parameters] of Object.entries(others)) {
    it(`at the token endpoint, ${whose}, leave the count as it is, also the right one`, async () => {
      const { server, issuer } = createGate({ provisionKey, clients: [client] });
      const authorize = async (key: string) =>
        (await server.authorize(issuer, asked({ provision_key: key }))).refusal?.reason;
      for (let n = 1; n < 10; n++) expect(await authorize(`guess ${n}`)).to.equal('provision_key_wrong');
      await server.token(issuer, asked({ ...parameters, provision_key: provisionKey }));
      expect(await authorize('guess 10')).to.equal('provision_key_wrong');
      expect(await authorize('guess 11')).to.equal('provision_key_rate_limited');
    });
  }
});

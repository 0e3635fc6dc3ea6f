import { expect } from 'chai';
import fc from 'fast-check';
import { kong, rfc9700 } from '../../src/oauth/profile.ts';
import { readClientAuthentication } from '../../src/wire/client-authentication.ts';
import { anyText } from '../support/text.ts';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const read = (profile: typeof kong, parameters: Readonly<Record<string, unknown>>, authorization?: string) =>
  readClientAuthentication(profile, new Map(Object.entries(parameters)), authorization, '192.0.2.1');
const basic = (
  clientId: string | undefined,
  clientSecret: string | undefined,
  ...others: readonly (readonly [clientId: string, clientSecret: string])[]
) => ({
  method: 'client_secret_basic',
  clientId,
  clientSecret,
  from: '192.0.2.1',
  ...(others.length === 0
    ? {}
    : { otherReadings: others.map(([id, secret]) => ({ clientId: id, clientSecret: secret })) }),
});

describe('Client authentication (RFC 6749 §2.3.1), profile rfc9700', () => {
  it('CA-01: Basic as sent, and with both halves form-decoded where that differs', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, fc.constantFrom('Basic', 'basic', 'BASIC'), (clientId, secret, scheme) => {
        const encode = (part: string) => new URLSearchParams([['', part]]).toString().slice(1);
        const credentials = `${scheme} ${base64(`${encode(clientId)}:${encode(secret)}`)}`;
        const sent = [encode(clientId), encode(secret)] as const;
        const differs = sent[0] !== clientId || sent[1] !== secret;
        expect(read(rfc9700, {}, credentials)).to.deep.equal(
          basic(...sent, ...(differs ? [[clientId, secret] as const] : [])),
        );
      }),
    );
  });

  it('CA-01: a colon, a plus, a percent sign, a blank and UTF-8 in either half', () => {
    const credentials = `Basic ${base64('a%3Ab%2Bc:d%25e+f%C3%A9')}`;
    expect(read(rfc9700, {}, credentials)).to.deep.equal(basic('a%3Ab%2Bc', 'd%25e+f%C3%A9', ['a:b+c', 'd%e fé']));
  });

  it('TK-15: Basic credentials that cannot be read are an attempt without a client', () => {
    for (const wrong of [
      'Basic',
      'Basic ',
      'Basic !!!',
      'Basic a b',
      `Basic ${base64('no colon')}`,
      `Basic ${base64(':secret')}`,
    ]) {
      expect(read(rfc9700, {}, wrong), wrong).to.deep.equal(basic(undefined, undefined));
    }
  });

  it('another scheme is no attempt', () => {
    for (const other of ['Bearer abc', 'Basicabc', 'Digest x', '']) {
      expect(read(rfc9700, { client_id: 'a' }, other)).to.include({ method: 'none', clientId: 'a' });
    }
  });

  it('CA-02: client_id and client_secret in the body', () => {
    expect(read(rfc9700, { client_id: 'a', client_secret: 's' })).to.include({
      method: 'client_secret_post',
      clientId: 'a',
      clientSecret: 's',
    });
  });

  it('CA-09: a public client names itself by client_id alone', () => {
    expect(read(rfc9700, { client_id: 'a' })).to.include({ method: 'none', clientId: 'a', clientSecret: undefined });
  });

  it('CA-04: "MUST NOT use more than one authentication method in each request"', () => {
    const header = `Basic ${base64('a:s')}`;
    for (const parameters of [{ client_secret: 's' }, { client_id: 'a', client_secret: 's' }, { client_id: 'b' }]) {
      expect(read(rfc9700, parameters, header)).to.deep.equal({ reason: 'client_authentication_repeated' });
    }
  });

  it('CA-04: may repeat its client_id in the body', () => {
    expect(read(rfc9700, { client_id: 'a' }, `Basic ${base64('a:s')}`)).to.deep.equal(basic('a', 's'));
  });

  it('CA-04: a client_id in the body selects the reading that it agrees with', () => {
    const header = `Basic ${base64('a%20b:s%2B')}`;
    expect(read(rfc9700, { client_id: 'a%20b' }, header)).to.deep.equal(basic('a%20b', 's%2B'));
    expect(read(rfc9700, { client_id: 'a b' }, header)).to.deep.equal(basic('a b', 's+'));
    expect(read(rfc9700, { client_id: 'a+b' }, header)).to.deep.equal({ reason: 'client_authentication_repeated' });
  });
});

describe('Client authentication, as Kong reads it', () => {
  it('both parameters win over the header, and one alone does not', () => {
    const header = `Basic ${base64('a:s')}`;
    expect(read(kong, { client_id: 'b', client_secret: 't' }, header)).to.include({
      method: 'client_secret_post',
      clientId: 'b',
      clientSecret: 't',
    });
    expect(read(kong, { client_id: 'b' }, header)).to.deep.equal(basic('a', 's'));
    expect(read(kong, { client_secret: 't' }, header)).to.deep.equal(basic('a', 's'));
  });

  it('Basic or basic, a blank or none', () => {
    for (const scheme of ['Basic ', 'basic ', 'Basic', 'Basic   ']) {
      expect(read(kong, {}, scheme + base64('a:s'))).to.deep.equal(basic('a', 's'));
    }
  });

  it('a header of another scheme is an attempt without a client, even if the body names one', () => {
    for (const header of [`BASIC ${base64('a:s')}`, 'Bearer abc', 'Basic', '']) {
      expect(read(kong, { client_id: 'b' }, header), header).to.deep.equal(basic(undefined, undefined));
    }
  });

  it('CA-01: first as Kong does, without the text after a second colon; then whole, and form-decoded', () => {
    expect(read(kong, {}, `Basic ${base64('a:b')}`)).to.deep.equal(basic('a', 'b'));
    expect(read(kong, {}, `Basic ${base64('a:b:c')}`)).to.deep.equal(basic('a', 'b', ['a', 'b:c']));
    expect(read(kong, {}, `Basic ${base64('a%3A:b+c:d')}`)).to.deep.equal(
      basic('a%3A', 'b+c', ['a%3A', 'b+c:d'], ['a:', 'b c:d']),
    );
    expect(read(kong, {}, `Basic ${base64('a')}`)).to.deep.equal(basic('a', undefined));
  });

  it('a value that is not one string names no client', () => {
    expect(read(kong, { client_id: ['a', 'b'], client_secret: true })).to.include({
      method: 'client_secret_post',
      clientId: undefined,
      clientSecret: undefined,
    });
  });
});

for (const profile of [kong, rfc9700]) {
  describe(`Client authentication, profile ${profile.name}`, () => {
    it('TK-22: never throws, whatever the header is', () => {
      const header = fc.oneof(
        anyText,
        anyText.map((text) => `Basic ${text}`),
        anyText.map((text) => `Basic ${base64(text)}`),
      );
      fc.assert(fc.property(header, (authorization) => void read(profile, {}, authorization)));
    });
  });
}

import { expect } from 'chai';
import fc from 'fast-check';
import { kong, rfc9700 } from '../../src/oauth/profile.ts';
import { effectiveRedirectUri, isRegistered } from '../../src/oauth/redirect-uri.ts';
import { anyText } from '../support/text.ts';

const registered = 'https://client.example/cb?x=1';

/** Every way we know in which two URIs are taken for the same where they are not. */
const mutations: Readonly<Record<string, (uri: string) => string>> = {
  'another case of the scheme': (uri) => uri.replace('https', 'HTTPS'),
  'another case of the host': (uri) => uri.replace('client', 'Client'),
  'another case of the path': (uri) => uri.replace('cb', 'CB'),
  'the default port': (uri) => uri.replace('.example', '.example:443'),
  'another port': (uri) => uri.replace('.example', '.example:444'),
  http: (uri) => uri.replace('https', 'http'),
  'a trailing slash': (uri) => uri.replace('cb', 'cb/'),
  'one slash more': (uri) => uri.replace('/cb', '//cb'),
  'a trailing question mark': (uri) => `${uri}?`,
  'a trailing ampersand': (uri) => `${uri}&`,
  'one parameter more': (uri) => `${uri}&y=2`,
  'no query': (uri) => uri.replace('?x=1', ''),
  'a fragment': (uri) => `${uri}#`,
  'a fragment with something in it': (uri) => `${uri}#x`,
  'an encoded slash': (uri) => uri.replace('/cb', '%2fcb'),
  'an encoded letter': (uri) => uri.replace('cb', '%63b'),
  'a way up and down again': (uri) => uri.replace('/cb', '/x/../cb'),
  'a dot segment': (uri) => uri.replace('/cb', '/./cb'),
  backslashes: (uri) => uri.replaceAll('/', '\\'),
  'one backslash': (uri) => uri.replace('/cb', '\\cb'),
  'user information': (uri) => uri.replace('https://', 'https://user@'),
  'a host that looks like user information': (uri) => uri.replace('.example', '.example@evil.example'),
  'a host behind it': (uri) => uri.replace('.example', '.example.evil.example'),
  'a host before it': (uri) => uri.replace('client', 'evilclient'),
  'a dot after the host': (uri) => uri.replace('.example', '.example.'),
  'a tab': (uri) => uri.replace('cb', 'c\tb'),
  'a line feed': (uri) => `${uri}\n`,
  'a blank before': (uri) => ` ${uri}`,
  'a NUL': (uri) => `${uri}\0`,
  'a full-width letter': (uri) => uri.replace('c', 'ｃ'),
  'a Kelvin sign for a k': (uri) => uri.replace('client', '\u212alient'),
  'a combining accent': (uri) => uri.replace('cb', 'c\u0301b'),
  'the beginning alone': (uri) => uri.slice(0, -1),
  nothing: () => '',
};

for (const profile of [kong, rfc9700]) {
  describe(`Redirect URIs (RFC 6749 §3.1.2.3), profile ${profile.name}`, () => {
    it('AZ-07: what is registered passes', () => {
      expect(isRegistered([registered], registered, profile)).to.equal(true);
    });

    for (const [difference, mutate] of Object.entries(mutations)) {
      it(`AZ-07: ${difference} makes it another URI`, () => {
        expect(isRegistered([registered], mutate(registered), profile)).to.equal(false);
      });
    }

    it('AZ-07: compares by exact string, whatever the strings are', () => {
      const uri = fc.oneof(fc.webUrl({ withQueryParameters: true }), anyText, fc.constant(registered));
      fc.assert(
        fc.property(uri, uri, (one, other) => {
          expect(isRegistered([one], other, profile)).to.equal(one === other);
        }),
      );
    });

    it('AZ-07: what is not a string is no redirect URI', () => {
      for (const named of [[registered], true, null, 7, { href: registered }]) {
        expect(effectiveRedirectUri([registered], named, profile)).to.deep.equal({
          refused: 'unregistered',
          fallback: registered,
        });
      }
    });

    it('the one in the request is used', () => {
      expect(effectiveRedirectUri(['https://a.example/', registered], registered, profile)).to.deep.equal({
        uri: registered,
      });
    });

    it('the only registered one is used when the request has none', () => {
      expect(effectiveRedirectUri([registered], undefined, profile)).to.deep.equal({ uri: registered });
    });

    it('AZ-06: where none is registered there is none, and none to tell it at', () => {
      for (const named of [undefined, registered]) {
        expect(effectiveRedirectUri([], named, profile)).to.deep.equal({
          refused: 'unregistered',
          fallback: undefined,
        });
      }
    });
  });
}

describe('Several redirect URIs, and none named', () => {
  const several = [registered, 'https://client.example/other'];

  it('AZ-12: "the client MUST include a redirection URI" (RFC 6749 §3.1.2.3)', () => {
    expect(effectiveRedirectUri(several, undefined, rfc9700)).to.deep.equal({
      refused: 'missing',
      fallback: undefined,
    });
  });

  it('Kong takes the first', () => {
    expect(effectiveRedirectUri(several, undefined, kong)).to.deep.equal({ uri: registered });
  });
});

describe('Loopback redirect URIs (RFC 8252 §7.3)', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const loopback = fc.constantFrom('127.0.0.1', '[::1]');

  it('AZ-08: may have any port', () => {
    fc.assert(
      fc.property(loopback, fc.option(port), port, (host, one, other) => {
        const base = `http://${host}${one === null ? '' : `:${one}`}/cb?x=1`;
        expect(isRegistered([base], `http://${host}:${other}/cb?x=1`, rfc9700)).to.equal(true);
        expect(isRegistered([base], `http://${host}/cb?x=1`, rfc9700)).to.equal(true);
      }),
    );
  });

  it('AZ-08: must be the same in all else', () => {
    for (const other of [
      'http://127.0.0.1:5000/',
      'http://127.0.0.1:5000/cb/',
      'http://127.0.0.1:5000/CB',
      'http://127.0.0.1:5000/cb?x=1',
      'http://127.0.0.1:5000/cb#',
      'http://127.0.0.1:5000',
      'https://127.0.0.1:5000/cb',
      'http://127.0.0.2:5000/cb',
      'http://[::1]:5000/cb',
      'http://localhost:5000/cb',
      'http://127.1:5000/cb',
      'http://127.0.0.1.evil.example:5000/cb',
      'http://127.0.0.1:5000@evil.example/cb',
      'http://user@127.0.0.1:5000/cb',
      'http://127.0.0.1:5000\\@evil.example/cb',
      'http://127.0.0.1:5000/cb\\',
      'http://127.0.0.1:/cb',
      'http://127.0.0.1:0/cb',
      'http://127.0.0.1:65536/cb',
      'http://127.0.0.1:99999/cb',
      'http://127.0.0.1:123456/cb',
      'http://127.0.0.1:+80/cb',
      'http://127.0.0.1:８０/cb',
      'HTTP://127.0.0.1:5000/cb',
      'http://127.0.0.1:5000/cb\n',
    ]) {
      expect(isRegistered(['http://127.0.0.1/cb'], other, rfc9700), other).to.equal(false);
    }
  });

  it('AZ-08: a name is no loopback address, localhost neither (RFC 8252 §8.3)', () => {
    expect(isRegistered(['http://localhost/cb'], 'http://localhost:5000/cb', rfc9700)).to.equal(false);
    expect(isRegistered(['http://client.example/cb'], 'http://client.example:5000/cb', rfc9700)).to.equal(false);
  });

  it('Kong makes no exception for them', () => {
    expect(isRegistered(['http://127.0.0.1/cb'], 'http://127.0.0.1:5000/cb', kong)).to.equal(false);
  });
});

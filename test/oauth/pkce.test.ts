import { expect } from 'chai';
import fc from 'fast-check';
import { codeChallengeOf, isCodeChallenge, isCodeVerifier } from '../../src/oauth/pkce.ts';
import { anyText } from '../support/text.ts';

const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~';
const verifier = (length: number) =>
  fc.string({ unit: fc.constantFrom(...unreserved), minLength: length, maxLength: length });

describe('Proof Key for Code Exchange (RFC 7636)', () => {
  it('PK-09: code-verifier = 43*128unreserved (§4.1)', () => {
    const length = fc.oneof(fc.constantFrom(43, 44, 127, 128), fc.integer({ min: 43, max: 128 }));
    fc.assert(fc.property(length.chain(verifier), (text) => void expect(isCodeVerifier(text)).to.equal(true)));
  });

  it('PK-09: nothing shorter or longer', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 42, 129, 256).chain(verifier), (text) => {
        expect(isCodeVerifier(text)).to.equal(false);
      }),
    );
  });

  it('PK-09: no character but the unreserved ones', () => {
    const reserved = anyText.filter((text) => [...text].length === 1 && !unreserved.includes(text));
    const named = fc.constantFrom('+', '/', '=', '%', ' ', '\n', '\0', 'é', 'ſ', '\u212a');
    fc.assert(
      fc.property(verifier(60), fc.nat(59), fc.oneof(reserved, named), (text, place, wrong) => {
        expect(isCodeVerifier(text.slice(0, place) + wrong + text.slice(place + 1))).to.equal(false);
      }),
    );
    expect(isCodeVerifier(`${'v'.repeat(43)}\n`)).to.equal(false);
  });

  it('PK-02: code_challenge = BASE64URL-ENCODE(SHA256(ASCII(code_verifier))), the example of Appendix B', () => {
    expect(codeChallengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).to.equal(
      'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    );
  });

  it('PK-10: a challenge has 43 base64url characters, without padding', () => {
    fc.assert(fc.property(verifier(43), (text) => void expect(isCodeChallenge(codeChallengeOf(text))).to.equal(true)));
    const challenge = codeChallengeOf('v'.repeat(43));
    for (const wrong of [
      '',
      challenge.slice(1),
      `${challenge}A`,
      `${challenge}=`,
      `${challenge}\n`,
      `+${challenge.slice(1)}`,
    ]) {
      expect(isCodeChallenge(wrong), JSON.stringify(wrong)).to.equal(false);
    }
  });

  it('PK-07: different verifiers have different challenges', () => {
    fc.assert(
      fc.property(verifier(43), verifier(43), (one, other) => {
        expect(codeChallengeOf(one) === codeChallengeOf(other)).to.equal(one === other);
      }),
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import {
  codeChallengeOf,
  hasLengthOfVerifier,
  isCodeChallenge,
  isCodeVerifier,
  normalizedChallenge,
} from '../../src/oauth/pkce.ts';
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

  it('PK-09: Kong takes 43 to 128 octets of any kind for a verifier', () => {
    const fits = (text: string) => hasLengthOfVerifier(text);
    expect(['v'.repeat(43), `${'+/'.repeat(22)}=`, 'é'.repeat(22), 'v'.repeat(128)].map(fits)).to.not.include(false);
    expect(['', 'v'.repeat(42), 'é'.repeat(21), 'v'.repeat(129), 'é'.repeat(65)].map(fits)).to.not.include(true);
  });

  it('PK-10: Kong takes a challenge in either alphabet, with padding or without, and anything else as it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(3), (digest, padding) => {
        const challenge = Buffer.from(digest).toString('base64url');
        const plain = Buffer.from(digest).toString('base64');
        for (const text of [challenge, plain, challenge + '='.repeat(padding)]) {
          expect(normalizedChallenge(text)).to.equal(challenge);
        }
      }),
    );
    for (const text of ['a', 'abcde', 'a b', 'ab=cd', '=', 'é']) expect(normalizedChallenge(text)).to.equal(text);
  });

  it('PK-07: different verifiers have different challenges', () => {
    fc.assert(
      fc.property(verifier(43), verifier(43), (one, other) => {
        expect(codeChallengeOf(one) === codeChallengeOf(other)).to.equal(one === other);
      }),
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { type RefusalReason, refusals, wordsOf } from '../../src/oauth/refusals.ts';
import { anyText } from '../support/text.ts';

const reasons = Object.keys(refusals) as RefusalReason[];

/** RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1. */
const listed = [
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'invalid_client',
  'invalid_grant',
  'unsupported_grant_type',
  'invalid_token',
  'insufficient_scope',
];

describe('The words of a refusal', () => {
  it('TK-14: rfc9700 uses the error codes of the RFCs alone', () => {
    // "the resource server SHOULD NOT include an error code" where no token was sent (RFC 6750 §3.1)
    const codes = reasons
      .filter((reason) => reason !== 'token_missing')
      .map((reason) => refusals[reason].rfc9700.error);
    expect(codes.filter((code) => !listed.includes(code))).to.deep.equal([]);
  });

  it('RS-06: a missing token has no error code in rfc9700', () => {
    expect(refusals.token_missing.rfc9700.error).to.equal('');
  });

  it('AZ-15: rfc9700 uses only the characters that error_description may have, whatever the refusal is about', () => {
    const detail = fc.oneof(anyText, fc.constantFrom('"', '\\', '$&', '{detail}', '\r\nX: y', 'é'));
    fc.assert(
      fc.property(fc.constantFrom(...reasons), detail, (reason, detail) => {
        expect(wordsOf({ reason, detail }, 'rfc9700').description).to.match(/^[\x20\x21\x23-\x5B\x5D-\x7E]*$/);
      }),
    );
  });

  it('AZ-27: what a caller wrote adds no quote, backslash or control character to the words of Kong either', () => {
    fc.assert(
      fc.property(fc.constantFrom(...reasons), anyText, (reason, detail) => {
        const own = refusals[reason].kong.description.replace('{detail}', '');
        const description = wordsOf({ reason, detail }, 'kong').description;
        const strange = (text: string) => text.replace(/[\x20\x21\x23-\x5B\x5D-\x7E]/g, '');
        expect(strange(description)).to.equal(strange(own));
      }),
    );
  });

  it('AZ-27: repeats no more than a hundred characters', () => {
    const { description } = wordsOf({ reason: 'scope_unknown', detail: 'x'.repeat(1_000_000) }, 'kong');
    expect(description).to.equal(`"${'x'.repeat(100)}" is an invalid scope`);
  });

  it('never says which check a secret failed', () => {
    for (const profile of ['kong', 'rfc9700'] as const) {
      const said = (reason: RefusalReason) => wordsOf({ reason }, profile);
      expect(said('code_redirect_uri_mismatched')).to.deep.equal(said('code_invalid'));
    }
    const { rfc9700: invalid } = refusals.code_invalid;
    expect(refusals.code_verifier_wrong.rfc9700).to.deep.equal(invalid);
    expect(refusals.code_verifier_missing.rfc9700).to.deep.equal(invalid);
    expect(refusals.refresh_token_of_another_client.rfc9700).to.deep.equal(refusals.refresh_token_invalid.rfc9700);
    expect(refusals.client_secret_disallowed.rfc9700).to.deep.equal(refusals.client_authentication_failed.rfc9700);
    expect(refusals.token_global.rfc9700).to.deep.equal(refusals.token_invalid.rfc9700);
  });
});

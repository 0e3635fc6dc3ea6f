/** RFC 6749 §4.1.2, RFC 9700 §4.14.2: a revoked grant stays revoked for as long as a token of it could be valid. */
import { expect } from 'chai';
import fc from 'fast-check';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { newGrant } from '../../src/grants/new-grant.ts';
import { revocationExpiry } from '../../src/oauth/revocation.ts';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import { recordExpiry } from '../../src/ports/grants.ts';
import { grantOf } from '../support/token-request.ts';
import { beginning, issuers } from '../support/world.ts';

const minute = 60_000;
const lifetime = fc.constantFrom(0, 1, minute, 10 * minute, 60 * minute);
const instant = fc.integer({ min: 0, max: 5 * minute });
const setting = fc.record({ accessTokenLifetime: lifetime, refreshTokenLifetime: lifetime, refreshable: fc.boolean() });
/** How long after `until` a slow request gets to the store. */
const delay = fc.constantFrom(0, 1, minute, 100 * minute);

function grantAt(at: number, { refreshable, ...lifetimes }: typeof setting extends fc.Arbitrary<infer T> ? T : never) {
  const issuer = { ...issuers.rfc9700, ...lifetimes };
  const about = { grantId: 'g', credentialId: 'c', subject: 'alice', scope: [], at, refreshable };
  const { grant, withRefreshToken } = newGrant(issuer, about);
  const tokens: TokenPair = { accessToken: `a${at}`, refreshToken: withRefreshToken ? `r${at}` : undefined };
  return { issuer, grant, tokens };
}

/** Whether a token of the pair is valid at `now`. */
function isValid(grant: Grant, { refreshToken }: TokenPair, now: number): boolean {
  const expiries = refreshToken === undefined ? [grant.expiresAt] : [grant.expiresAt, grant.refreshExpiresAt];
  return expiries.some((expiresAt) => expiresAt === undefined || expiresAt > now);
}

describe('A revocation is remembered', () => {
  it('until no grant that a redeemed code opens late can have a valid token', () => {
    fc.assert(
      fc.property(setting, instant, instant, delay, (settings, receivedAt, left, later) => {
        const codeExpiresAt = beginning + receivedAt + left;
        const { issuer, grant, tokens } = grantAt(beginning + receivedAt, settings);
        let now = codeExpiresAt;
        const grants = memoryGrants({ now: () => now });
        const until = revocationExpiry({ issuer, lastIssuedAt: codeExpiresAt });
        void grants.revoke('g', until);
        for (now of [now, (until ?? now) - 1, (until ?? now) + later]) {
          const isSaved = grants.open(grant, tokens) === 'opened';
          expect(isSaved && isValid(grant, tokens, now), `at ${now - beginning}, until ${until}`).to.equal(false);
        }
      }),
    );
  });

  for (const [who, withIssuer] of [
    ['whose issuer is known', true],
    ['whose issuer is not known', false],
  ] as const) {
    it(`until every token of a grant ${who} has expired, even if a rotation comes before the revocation`, () => {
      fc.assert(
        fc.property(setting, instant, instant, instant, (settings, openedAt, rotatedAfter, revokedAfter) => {
          const { issuer, grant, tokens } = grantAt(beginning + openedAt, settings);
          const rotatedAt = beginning + openedAt + rotatedAfter;
          const next = grantAt(rotatedAt, settings);
          const until = revocationExpiry({
            grant,
            hasRefreshToken: tokens.refreshToken !== undefined,
            lastIssuedAt: rotatedAt + revokedAfter,
            ...(withIssuer && { issuer }),
          });
          if (until === undefined) return;
          expect(isValid(grant, tokens, until)).to.equal(false);
          expect(isValid(next.grant, next.tokens, until)).to.equal(false);
        }),
      );
    });
  }

  it('even if the settings changed after the tokens were issued', () => {
    fc.assert(
      fc.property(setting, setting, instant, (before, now, passed) => {
        const { grant, tokens } = grantAt(beginning, before);
        const { issuer } = grantAt(beginning + passed, now);
        const until = revocationExpiry({ grant, issuer, lastIssuedAt: beginning + passed });
        if (until !== undefined) expect(isValid(grant, tokens, until)).to.equal(false);
      }),
    );
  });

  it('no longer than one lifetime after the last token was issued', () => {
    const issuer = { accessTokenLifetime: minute, refreshTokenLifetime: 10 * minute };
    expect(revocationExpiry({ issuer, lastIssuedAt: beginning })).to.equal(beginning + 10 * minute);
  });

  it('at least as long as a store keeps the record of the grant', () => {
    const expiry = fc.option(instant, { nil: undefined }).map((at) => at && beginning + at);
    fc.assert(
      fc.property(expiry, expiry, fc.boolean(), instant, (expiresAt, refreshExpiresAt, hasRefreshToken, at) => {
        const grant = grantOf(issuers.kong, { issuedAt: beginning, expiresAt, refreshExpiresAt });
        const tokens = { accessToken: 'a', refreshToken: hasRefreshToken ? 'r' : undefined };
        const record = recordExpiry(grant, tokens);
        const until = revocationExpiry({ grant, hasRefreshToken, lastIssuedAt: beginning + at });
        if (record === undefined) expect(until).to.equal(undefined);
        else expect(until).to.be.at.least(record);
      }),
    );
  });

  for (const [why, revoked] of [
    ['a token of the grant never expires', { grant: grantOf(issuers.kong, { expiresAt: undefined }) }],
    ['its refresh token never expires', { grant: grantOf(issuers.kong, { refreshExpiresAt: undefined }) }],
    ['its issuer issues access tokens that never expire', { issuer: { ...issuers.kong, accessTokenLifetime: 0 } }],
    ['its issuer issues refresh tokens that never expire', { issuer: { ...issuers.kong, refreshTokenLifetime: 0 } }],
  ] as const) {
    it(`always, if ${why}`, () => {
      expect(revocationExpiry({ ...revoked, lastIssuedAt: beginning })).to.equal(undefined);
    });
  }
});

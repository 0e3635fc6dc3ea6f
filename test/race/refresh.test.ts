import { expect } from 'chai';
import fc from 'fast-check';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { scheduled } from '../support/scheduled.ts';
import { beginning, bothProfiles, clockAt, issuers, makeWorld, now, printer, till } from '../support/world.ts';
import { grantsRotatedLater } from '../support/wrong-stores.ts';

const clock = clockAt(beginning);

/** One refresh token, used by its client `times` times at once, and by other clients. */
async function refreshedAtOnce(
  s: fc.Scheduler,
  issuer: Issuer,
  times: number,
  others: number,
  grants: Grants = memoryGrants(clock),
) {
  const near = makeWorld({ clock, grants });
  const first = now(near.redeem(issuer, now(near.code(issuer, printer)), printer)).body;
  const far = makeWorld({ clock, ...near.ports, grants: scheduled(s, 'grants', grants) });
  const attempt = (client: typeof printer) =>
    Promise.resolve(far.refresh(issuer, String(first['refresh_token']), client));
  const responses = await s.waitFor(
    Promise.all([
      ...Array.from({ length: times }, () => attempt(printer)),
      ...Array.from({ length: others }, () => attempt(till)),
    ]),
  );
  const passes = (token: unknown) => now(near.check(token, issuer.audience)).state === 'admitted';
  const granted = responses.filter(({ status }) => status === 200).map(({ body }) => body);
  const pairs = new Set(granted.map((body) => `${body['access_token']} ${body['refresh_token']}`));
  const valid = [...new Set(granted.map((body) => body['access_token']))].filter(passes);
  return { granted, pairs, valid, firstPasses: passes(first['access_token']) };
}

const times = fc.integer({ min: 2, max: 4 });
const others = fc.integer({ min: 0, max: 2 });

describe('Refreshing with one token concurrently (RFC 9700 §4.14.2)', () => {
  for (const profile of bothProfiles) {
    it(`RF-05: exactly one wins, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), times, others, async (s, times, others) => {
          const { granted, firstPasses } = await refreshedAtOnce(s, issuers[profile], times, others);
          expect(granted).to.have.length(1);
          expect(firstPasses).to.equal(false);
        }),
      ));

    it(`RF-01: attempts of other clients do not change it, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), times, async (s, others) => {
          const { granted, valid } = await refreshedAtOnce(s, issuers[profile], 1, others);
          expect([granted.length, valid.length]).to.deep.equal([1, 1]);
        }),
      ));

    it(`RF-06: within the grace period all get the same pair, and it is valid, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), times, async (s, times) => {
          const graceful = { ...issuers[profile], refreshTokenGrace: 30_000 };
          const { granted, pairs, valid } = await refreshedAtOnce(s, graceful, times, 0);
          expect([granted.length, pairs.size, valid.length]).to.deep.equal([times, 1, 1]);
        }),
      ));
  }

  it('RF-04, RF-05: no token of the grant is valid after the reuse, profile rfc9700', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), times, others, async (s, times, others) => {
        const { valid } = await refreshedAtOnce(s, issuers.rfc9700, times, others);
        expect(valid).to.deep.equal([]);
      }),
    ));

  it('Kong leaves the new pair valid', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), times, async (s, times) => {
        const { valid } = await refreshedAtOnce(s, issuers.kong, times, 0);
        expect(valid).to.have.length(1);
      }),
    ));

  it('with reuse_refresh_token each gets a new access token, and only the last of them is valid (Kong)', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), times, async (s, times) => {
        const reusing = { ...issuers.kong, reusesRefreshToken: true };
        const { granted, pairs, valid } = await refreshedAtOnce(s, reusing, times, 0);
        expect([granted.length, pairs.size, valid.length]).to.deep.equal([times, times, 1]);
      }),
    ));
});

describe('These tests of refreshing would catch a store', () => {
  it('that looks first and rotates later', async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { granted } = await refreshedAtOnce(s, issuers.rfc9700, 2, 0, grantsRotatedLater(s, clock));
        expect(granted).to.have.length(1);
      }),
    );
    expect(result.failed).to.equal(true);
  });
});

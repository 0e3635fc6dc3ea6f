import { expect } from 'chai';
import fc from 'fast-check';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { whenThere } from '../../src/ports/maybe-promise.ts';
import { scheduled } from '../support/scheduled.ts';
import { beginning, bothProfiles, clockAt, issuers, makeWorld, now, printer, till } from '../support/world.ts';
import { codesForgotten, codesMarkedLater, grantsWithoutMemoryOfEnds } from '../support/wrong-stores.ts';

interface Stores {
  readonly codes?: AuthorizationCodes;
  readonly grants?: Grants;
}
const clock = clockAt(beginning);

/** One code, redeemed by its client `times` times at once, and by other clients. Returns what was granted and is still valid. */
async function redeemedAtOnce(
  s: fc.Scheduler,
  profile: (typeof bothProfiles)[number],
  times: number,
  others: number,
  { codes = memoryAuthorizationCodes(clock), grants = memoryGrants(clock) }: Stores = {},
) {
  const issuer = issuers[profile];
  let redeemed = 0;
  const counting: AuthorizationCodes = {
    save: codes.save,
    redeem: (code, by) =>
      whenThere(codes.redeem(code, by), (redemption) => {
        if (redemption.outcome === 'redeemed') redeemed++;
        return redemption;
      }),
  };
  const near = makeWorld({ clock, codes, grants });
  const code = now(near.code(issuer, printer));
  const far = makeWorld({
    clock,
    ...near.ports,
    codes: scheduled(s, 'codes', counting),
    grants: scheduled(s, 'grants', grants),
  });
  const attempt = (client: typeof printer) => Promise.resolve(far.redeem(issuer, code, client));
  const responses = await s.waitFor(
    Promise.all([
      ...Array.from({ length: times }, () => attempt(printer)),
      ...Array.from({ length: others }, () => attempt(till)),
    ]),
  );
  const granted = responses.filter(({ status }) => status === 200).map(({ body }) => String(body['access_token']));
  const valid = granted.filter((token) => now(near.check(token, issuer.audience)).state === 'admitted');
  const refreshed = responses.filter(
    ({ status, body }) =>
      status === 200 && now(near.refresh(issuer, String(body['refresh_token']), printer)).status === 200,
  );
  return { redeemed, granted, valid, refreshed };
}

const times = fc.integer({ min: 2, max: 4 });
const others = fc.integer({ min: 0, max: 2 });

describe('Redeeming one authorization code concurrently (RFC 6749 §4.1.2)', () => {
  for (const profile of bothProfiles) {
    it(`TK-08: redeems exactly once, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), times, others, async (s, times, others) => {
          const { redeemed, granted } = await redeemedAtOnce(s, profile, times, others);
          expect(redeemed).to.equal(1);
          // In rfc9700 a replay may have ended the grant before it was opened.
          expect(granted.length).to.be.within(profile === 'kong' ? 1 : 0, 1);
        }),
      ));

    it(`TK-11: attempts of other clients do not change it, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), times, async (s, others) => {
          const { granted, valid } = await redeemedAtOnce(s, profile, 1, others);
          expect([granted.length, valid.length]).to.deep.equal([1, 1]);
        }),
      ));
  }

  it('TK-09: no token of it is valid after the replay, not even one that is saved late, profile rfc9700', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), times, others, async (s, times, others) => {
        const { valid, refreshed } = await redeemedAtOnce(s, 'rfc9700', times, others);
        expect([valid, refreshed]).to.deep.equal([[], []]);
      }),
    ));

  it('Kong leaves the one token valid', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), times, async (s, times) => {
        const { valid } = await redeemedAtOnce(s, 'kong', times, 0);
        expect(valid).to.have.length(1);
      }),
    ));
});

describe('These tests of redemption would catch a store', () => {
  it('that looks first and marks later', async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { redeemed } = await redeemedAtOnce(s, 'rfc9700', 2, 0, { codes: codesMarkedLater(s) });
        expect(redeemed).to.equal(1);
      }),
    );
    expect(result.failed).to.equal(true);
  });

  it('that forgets the code with its redemption', async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { valid } = await redeemedAtOnce(s, 'rfc9700', 2, 0, { codes: codesForgotten(clock) });
        expect(valid).to.have.length(0);
      }),
    );
    expect(result.failed).to.equal(true);
  });

  it('that forgets the revocation of a grant which is opened later', async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { valid } = await redeemedAtOnce(s, 'rfc9700', 2, 0, { grants: grantsWithoutMemoryOfEnds(clock) });
        expect(valid).to.have.length(0);
      }),
    );
    expect(result.failed).to.equal(true);
  });
});

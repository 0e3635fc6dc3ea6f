import { expect } from 'chai';
import fc from 'fast-check';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { scheduled } from '../support/scheduled.ts';
import { beginning, bothProfiles, clockAt, issuers, makeWorld, now, printer, type World } from '../support/world.ts';
import { grantsRotatedLater, grantsWithoutMemoryOfEnds } from '../support/wrong-stores.ts';

const clock = clockAt(beginning);
type ProfileName = (typeof bothProfiles)[number];

/** A world nearby and one far away over the same stores, with a code and the id of the grant that comes of it. */
function twoWorlds(s: fc.Scheduler, profile: ProfileName, grants: Grants) {
  const saved: string[] = [];
  const codes = memoryAuthorizationCodes(clock);
  const noting: typeof codes = {
    ...codes,
    save(code, record) {
      saved.push(record.grantId);
      return codes.save(code, record);
    },
  };
  const near = makeWorld({ clock, grants, codes: noting });
  const code = now(near.code(issuers[profile], printer));
  const far = makeWorld({
    clock,
    ...near.ports,
    codes: scheduled(s, 'codes', noting),
    grants: scheduled(s, 'grants', grants),
  });
  return { near, far, code, grantId: saved[0]! };
}

/** Whether any of these tokens passes, or refreshes to one that does. */
function anyTokenValid(
  near: World,
  profile: ProfileName,
  responses: readonly Readonly<Record<string, unknown>>[],
): boolean {
  const issuer = issuers[profile];
  return responses.some(
    ({ access_token: access, refresh_token: refresh }) =>
      now(near.check(access, issuer.audience)).state === 'admitted' ||
      now(near.refresh(issuer, String(refresh), printer)).status === 200,
  );
}

/** A code is redeemed while its grant is revoked. */
async function endedWhileRedeemed(s: fc.Scheduler, profile: ProfileName, grants: Grants = memoryGrants(clock)) {
  const { near, far, code, grantId } = twoWorlds(s, profile, grants);
  const [{ body }] = await s.waitFor(
    Promise.all([
      Promise.resolve(far.redeem(issuers[profile], code, printer)),
      Promise.resolve(far.ports.grants.revoke(grantId, undefined)),
    ]),
  );
  return anyTokenValid(near, profile, [body]);
}

/** A token is refreshed, and its successor too, while the grant is revoked. */
async function endedWhileRefreshed(s: fc.Scheduler, profile: ProfileName, grants: Grants = memoryGrants(clock)) {
  const issuer = issuers[profile];
  const { near, far, code, grantId } = twoWorlds(s, profile, grants);
  const first = now(near.redeem(issuer, code, printer)).body;
  const twice = async () => {
    const { body: second } = await far.refresh(issuer, String(first['refresh_token']), printer);
    const { body: third } = await far.refresh(issuer, String(second['refresh_token']), printer);
    return [second, third];
  };
  const [responses] = await s.waitFor(
    Promise.all([twice(), Promise.resolve(far.ports.grants.revoke(grantId, undefined))]),
  );
  return anyTokenValid(near, profile, [first, ...responses]);
}

/** The first client to redeem a code refreshes at once, while the code is replayed. */
async function replayedWhileRefreshed(s: fc.Scheduler, grants: Grants = memoryGrants(clock)) {
  const issuer = issuers.rfc9700;
  const { near, far, code } = twoWorlds(s, 'rfc9700', grants);
  const first = now(near.redeem(issuer, code, printer)).body;
  const [{ body: second }, { status }] = await s.waitFor(
    Promise.all([
      Promise.resolve(far.refresh(issuer, String(first['refresh_token']), printer)),
      Promise.resolve(far.redeem(issuer, code, printer)),
    ]),
  );
  expect(status).to.equal(400);
  return anyTokenValid(near, 'rfc9700', [first, second]);
}

describe('Revoking a grant while its tokens are issued', () => {
  for (const profile of bothProfiles) {
    it(`RV-08, RF-09: no token of it is valid afterwards, however late the tokens are saved, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), async (s) => {
          expect(await endedWhileRedeemed(s, profile)).to.equal(false);
        }),
      ));

    it(`RV-08, RF-09: nor however late they are rotated, profile ${profile}`, () =>
      fc.assert(
        fc.asyncProperty(fc.scheduler(), async (s) => {
          expect(await endedWhileRefreshed(s, profile)).to.equal(false);
        }),
      ));
  }

  it('TK-09: a replay also revokes a refresh in progress, profile rfc9700', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        expect(await replayedWhileRefreshed(s)).to.equal(false);
      }),
    ));
});

describe('These tests of revocation would catch a store', () => {
  const isCaught = async (valid: (s: fc.Scheduler) => Promise<boolean>) => {
    const property = fc.asyncProperty(fc.scheduler(), async (s) => {
      expect(await valid(s)).to.equal(false);
    });
    expect((await fc.check(property)).failed).to.equal(true);
  };

  it('that revokes saved tokens, but none that is saved later', () =>
    isCaught((s) => endedWhileRedeemed(s, 'kong', grantsWithoutMemoryOfEnds(clock))));

  it('that writes a row again which was removed in between', () =>
    isCaught((s) => endedWhileRefreshed(s, 'kong', grantsRotatedLater(s, clock))));

  it('that does so while a code is replayed', () =>
    isCaught((s) => replayedWhileRefreshed(s, grantsRotatedLater(s, clock))));
});

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
function anythingAlive(near: World, profile: ProfileName, told: readonly Readonly<Record<string, unknown>>[]): boolean {
  const issuer = issuers[profile];
  return told.some(
    ({ access_token: access, refresh_token: refresh }) =>
      now(near.check(access, issuer.audience)).state === 'admitted' ||
      now(near.refresh(issuer, String(refresh), printer)).status === 200,
  );
}

/** A code is redeemed while somebody ends its grant. */
async function endedWhileRedeemed(s: fc.Scheduler, profile: ProfileName, grants: Grants = memoryGrants(clock)) {
  const { near, far, code, grantId } = twoWorlds(s, profile, grants);
  const [{ body }] = await s.waitFor(
    Promise.all([
      Promise.resolve(far.redeem(issuers[profile], code, printer)),
      Promise.resolve(far.ports.grants.revoke(grantId, undefined)),
    ]),
  );
  return anythingAlive(near, profile, [body]);
}

/** A token is refreshed, and its successor as well, while somebody ends the grant. */
async function endedWhileRefreshed(s: fc.Scheduler, profile: ProfileName, grants: Grants = memoryGrants(clock)) {
  const issuer = issuers[profile];
  const { near, far, code, grantId } = twoWorlds(s, profile, grants);
  const first = now(near.redeem(issuer, code, printer)).body;
  const twice = async () => {
    const { body: second } = await far.refresh(issuer, String(first['refresh_token']), printer);
    const { body: third } = await far.refresh(issuer, String(second['refresh_token']), printer);
    return [second, third];
  };
  const [told] = await s.waitFor(Promise.all([twice(), Promise.resolve(far.ports.grants.revoke(grantId, undefined))]));
  return anythingAlive(near, profile, [first, ...told]);
}

/** The first to redeem a code refreshes at once, while somebody replays the code. */
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
  return anythingAlive(near, 'rfc9700', [first, second]);
}

describe('Ending a grant while its tokens are made', () => {
  for (const profile of bothProfiles) {
    it(`RV-08, RF-09: nothing of it is alive afterwards, however late the tokens are saved, profile ${profile}`, () =>
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

  it('TK-09: a replay ends also what is being refreshed at this moment, profile rfc9700', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        expect(await replayedWhileRefreshed(s)).to.equal(false);
      }),
    ));
});

describe('These tests of ending would catch a store', () => {
  const isCaught = async (alive: (s: fc.Scheduler) => Promise<boolean>) => {
    const property = fc.asyncProperty(fc.scheduler(), async (s) => {
      expect(await alive(s)).to.equal(false);
    });
    expect((await fc.check(property)).failed).to.equal(true);
  };

  it('that ends what is there, and nothing that is on its way', () =>
    isCaught((s) => endedWhileRedeemed(s, 'kong', grantsWithoutMemoryOfEnds(clock))));

  it('that writes a row anew which was removed in between', () =>
    isCaught((s) => endedWhileRefreshed(s, 'kong', grantsRotatedLater(s, clock))));

  it('that does so while a code is replayed', () =>
    isCaught((s) => replayedWhileRefreshed(s, grantsRotatedLater(s, clock))));
});

/** What stores without a query language decide by, alone: their own clocks do not help here. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type CodeUse, decideRedemption, type RedemptionAttempt } from '../../src/ports/authorization-codes.ts';
import { afterRotation, decideRotation, hintOf, type RotationAttempt, recordExpiry } from '../../src/ports/grants.ts';
import { isPending, whenThere } from '../../src/ports/maybe-promise.ts';
import { deepFreeze } from '../support/deep-freeze.ts';
import { codeRecord, grantOf, tokens } from '../support/token-request.ts';
import { beginning, callback, challenge, issuers, otherCallback, printer, till } from '../support/world.ts';

describe('The outcome of an attempt to redeem a code (RFC 6749 §4.1.2, §4.1.3)', () => {
  const good: RedemptionAttempt = deepFreeze({
    attempt: 'attempt-1',
    at: beginning,
    credentialId: printer.id,
    boundTo: codeRecord.boundTo,
    redirectUri: callback,
    redirectUriRequired: true,
    codeChallenge: challenge,
    unchallenged: 'refuse',
    ownMismatch: 'invalidates',
  });
  const decided = (changes: Partial<RedemptionAttempt>, used?: CodeUse, record = codeRecord) =>
    decideRedemption(deepFreeze(record), used, { ...good, ...changes });
  const outcome = (...given: Parameters<typeof decided>) => decided(...given).redemption;
  const mismatched = (binding: string) => ({ outcome: 'mismatched', binding });
  const usedBefore: CodeUse = { attempt: 'attempt-0', mismatch: undefined };

  it('redeems a code that matches all bindings, and marks it as used', () => {
    expect(decided({})).to.deep.equal({
      redemption: { outcome: 'redeemed', record: codeRecord },
      use: { attempt: 'attempt-1', mismatch: undefined },
    });
  });

  it('AZ-29: an expired code is unknown, from the exact instant', () => {
    expect(outcome({ at: codeRecord.expiresAt - 1 })).to.include({ outcome: 'redeemed' });
    expect(outcome({ at: codeRecord.expiresAt })).to.deep.equal({ outcome: 'unknown' });
    expect(outcome({ at: codeRecord.expiresAt }, usedBefore)).to.deep.equal({ outcome: 'unknown' });
  });

  it('a code that is not there is unknown', () => {
    expect(decideRedemption(undefined, undefined, good)).to.deep.equal({
      redemption: { outcome: 'unknown' },
      use: undefined,
    });
  });

  it('TK-05, TK-11: another client gets the same outcome whether the code is used or not, and nothing is written', () => {
    for (const [changes, binding] of [
      [{ credentialId: till.id }, 'client'],
      [{ boundTo: 'service:others' }, 'boundTo'],
    ] as const) {
      for (const used of [undefined, usedBefore]) {
        expect(decided({ ...changes, codeChallenge: undefined }, used)).to.deep.equal({
          redemption: mismatched(binding),
          use: undefined,
        });
      }
    }
  });

  it('TK-07: a code that another attempt has used is replayed, whatever this one brings', () => {
    for (const changes of [{}, { redirectUri: otherCallback }, { codeChallenge: undefined }]) {
      expect(decided(changes, usedBefore)).to.deep.equal({
        redemption: { outcome: 'replayed', grantId: codeRecord.grantId, expiresAt: codeRecord.expiresAt },
        use: undefined,
      });
    }
  });

  it('PK-11: it is replayed as well if that attempt was refused', () => {
    const used: CodeUse = { attempt: 'attempt-0', mismatch: 'codeChallenge' };
    expect(outcome({}, used)).to.include({ outcome: 'replayed' });
  });

  it('the same attempt again gets the same outcome', () => {
    expect(decided({}, { attempt: 'attempt-1', mismatch: undefined })).to.deep.equal({
      redemption: { outcome: 'redeemed', record: codeRecord },
      use: undefined,
    });
    expect(outcome({}, { attempt: 'attempt-1', mismatch: 'redirectUri' })).to.deep.equal(mismatched('redirectUri'));
  });

  it('TK-10, PK-11: a mismatch by its own client uses up a code, or keeps it, as the attempt says', () => {
    for (const [changes, binding] of [
      [{ redirectUri: otherCallback }, 'redirectUri'],
      [{ redirectUri: undefined }, 'redirectUri'],
      [{ codeChallenge: 'other' }, 'codeChallenge'],
      [{ codeChallenge: undefined }, 'codeChallenge'],
    ] as const) {
      expect(decided(changes)).to.deep.equal({
        redemption: mismatched(binding),
        use: { attempt: 'attempt-1', mismatch: binding },
      });
      expect(decided({ ...changes, ownMismatch: 'keeps' }).use).to.equal(undefined);
    }
  });

  it('TK-06: the redirect URI is needed again only if it is required and was sent before', () => {
    const absent = { redirectUri: undefined };
    expect(outcome({ ...absent, redirectUriRequired: false })).to.include({ outcome: 'redeemed' });
    const unsent = { ...codeRecord, redirectUriSent: false };
    expect(outcome(absent, undefined, unsent)).to.include({ outcome: 'redeemed' });
    expect(outcome({ redirectUri: otherCallback }, undefined, unsent)).to.deep.equal(mismatched('redirectUri'));
  });

  it('PK-08: a code without a challenge is accepted or refused, with and without a verifier', () => {
    const unchallenged = { ...codeRecord, codeChallenge: undefined };
    for (const codeChallenge of [challenge, undefined]) {
      expect(outcome({ codeChallenge, unchallenged: 'accept' }, undefined, unchallenged)).to.include({
        outcome: 'redeemed',
      });
      expect(outcome({ codeChallenge }, undefined, unchallenged)).to.deep.equal(mismatched('codeChallenge'));
    }
  });

  it('TK-08: of any attempts, one after the other, at most one returns redeemed', () => {
    const attempt = fc.record({
      attempt: fc.constantFrom('a', 'b', 'c'),
      credentialId: fc.constantFrom(printer.id, printer.id, till.id),
      redirectUri: fc.constantFrom(callback, callback, otherCallback),
      codeChallenge: fc.constantFrom(challenge, challenge, 'other'),
      ownMismatch: fc.constantFrom('invalidates' as const, 'keeps' as const),
    });
    fc.assert(
      fc.property(fc.array(attempt), (attempts) => {
        let used: CodeUse | undefined;
        const redeemed = new Set<string>();
        for (const one of attempts) {
          const { redemption, use } = decided(one, used);
          if (redemption.outcome === 'redeemed') redeemed.add(one.attempt);
          used = use ?? used;
        }
        expect(redeemed.size).to.be.at.most(1);
      }),
    );
  });
});

describe('The outcome of an attempt to rotate a grant (RFC 9700 §4.14.2)', () => {
  const grant = deepFreeze(grantOf(issuers.rfc9700));
  const by: RotationAttempt = {
    attempt: 'attempt-1',
    at: beginning,
    credentialId: printer.id,
    from: grant.boundTo,
    boundTo: 'global',
    serviceId: undefined,
    tokens,
    accessScope: ['email'],
    expiresAt: beginning + 1,
    refreshExpiresAt: beginning + 2,
    grace: 0,
  };
  const current = { grant, used: undefined, keptBy: undefined, isCurrentPair: false };
  const usedAt = (at: number, isCurrentPair = false, attempt = 'attempt-0') => ({
    ...current,
    used: { attempt, at },
    isCurrentPair,
  });

  it('rotates with the current token', () => {
    expect(decideRotation(current, by)).to.equal('rotate');
  });

  it('RF-08: an expired grant is unknown, from the exact instant, even if a token is reused', () => {
    for (const found of [current, usedAt(beginning)]) {
      expect(decideRotation(found, { ...by, at: grant.refreshExpiresAt! })).to.deep.equal({ outcome: 'unknown' });
      expect(decideRotation(found, { ...by, at: grant.refreshExpiresAt! - 1 })).to.not.deep.equal({
        outcome: 'unknown',
      });
    }
  });

  it('a grant that never expires is never unknown', () => {
    const undying = { ...current, grant: { ...grant, refreshExpiresAt: undefined } };
    expect(decideRotation(undying, { ...by, at: Number.MAX_SAFE_INTEGER })).to.equal('rotate');
  });

  it('RF-01: another client is refused before anything else', () => {
    for (const found of [current, usedAt(beginning)]) {
      expect(decideRotation(found, { ...by, credentialId: till.id })).to.deep.equal({ outcome: 'mismatched' });
      expect(decideRotation(found, { ...by, from: 'service:others' })).to.deep.equal({ outcome: 'mismatched' });
    }
  });

  it('wherever it is bound, where that does not matter', () => {
    expect(decideRotation(current, { ...by, from: undefined })).to.equal('rotate');
  });

  it('RF-04: a used token is reused', () => {
    expect(decideRotation(usedAt(beginning), by)).to.deep.equal({ outcome: 'reused', grant });
  });

  it('RF-06: within the grace period it is repeated, if its successor is the current one', () => {
    const graceful = { ...by, grace: 1000 };
    expect(decideRotation(usedAt(beginning - 999, true), graceful)).to.deep.equal({ outcome: 'repeated', grant });
    expect(decideRotation(usedAt(beginning - 1000, true), graceful)).to.include({ outcome: 'reused' });
    expect(decideRotation(usedAt(beginning - 999, false), graceful)).to.include({ outcome: 'reused' });
    expect(decideRotation(usedAt(beginning, true), by)).to.include({ outcome: 'reused' });
  });

  it('the same attempt again gets the same outcome', () => {
    expect(decideRotation(usedAt(beginning, true, 'attempt-1'), by)).to.deep.equal({ outcome: 'rotated', grant });
    expect(decideRotation({ ...current, keptBy: 'attempt-1' }, by)).to.deep.equal({ outcome: 'rotated', grant });
  });

  it('another attempt with a refresh token that was kept rotates again', () => {
    expect(decideRotation({ ...current, keptBy: 'attempt-0' }, by)).to.equal('rotate');
  });

  it('§6: changes where the tokens are good, their scope and their times; never whose they are, nor what was granted', () => {
    expect(afterRotation(grant, by)).to.deep.equal({
      ...grant,
      generation: 2,
      boundTo: 'global',
      serviceId: undefined,
      accessScope: ['email'],
      issuedAt: beginning,
      expiresAt: beginning + 1,
      refreshExpiresAt: beginning + 2,
    });
  });
});

describe('How long the record of a grant is needed', () => {
  const refreshExpiresAt = (
    expiresAt: number | undefined,
    refreshExpiresAt: number | undefined,
    refreshToken: string | undefined,
  ) => recordExpiry(grantOf(issuers.kong, { expiresAt, refreshExpiresAt }), { accessToken: 'a', refreshToken });

  it('as long as the longest of its tokens', () => {
    expect(refreshExpiresAt(1, 2, 'r')).to.equal(2);
    expect(refreshExpiresAt(3, 2, 'r')).to.equal(3);
  });

  it('always, if one of them never expires', () => {
    expect(refreshExpiresAt(undefined, 2, 'r')).to.equal(undefined);
    expect(refreshExpiresAt(1, undefined, 'r')).to.equal(undefined);
    expect(refreshExpiresAt(undefined, undefined, undefined)).to.equal(undefined);
  });

  it('as long as the access token, where there is no refresh token', () => {
    expect(refreshExpiresAt(1, 2, undefined)).to.equal(1);
    expect(refreshExpiresAt(undefined, 2, undefined)).to.equal(2);
  });
});

describe('What an operator sees of a token of which only a digest is kept', () => {
  it('is too little to guess the rest: 6 characters of 32', () => {
    expect(hintOf({ accessToken: 'abcdefghijklmnopqrstuvwxyz012345', refreshToken: 'r' })).to.equal('abcdef');
  });
});

describe('A value that is there already, or one that will be', () => {
  it('is used at once when it is there', () => {
    expect(whenThere(1, (one) => one + 1)).to.equal(2);
  });

  it('is used later when it is not, and what comes of it may come later still', async () => {
    const later = whenThere(Promise.resolve(1), async (one) => one + 1);
    expect(isPending(later)).to.equal(true);
    expect(await later).to.equal(2);
  });

  it('is pending if it has a then, and not for what it is called', () => {
    for (const there of [undefined, null, 0, '', 'then', {}, { then: 1 }, []]) expect(isPending(there)).to.equal(false);
    expect(isPending(Promise.resolve())).to.equal(true);
  });
});

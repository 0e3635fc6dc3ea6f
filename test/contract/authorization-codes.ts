/** The contract of every store of authorization codes. The test of each adapter calls it once; yours can, too. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import type { AuthorizationCodes, RedemptionAttempt } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { noon, testClock } from './clock.ts';
import { hostileText } from './hostile.ts';

const record: AuthorizationCode = {
  grantId: '6e0f3a7e-9d0c-4a57-9f0e-0a6c1f1d7a01',
  credentialId: '1f0c7a52-54f1-4f4c-8f43-5d1d5a0f2c02',
  boundTo: 'service:5b8a4b57-2f64-4c0e-8f11-77a1c0f5a103',
  serviceId: '5b8a4b57-2f64-4c0e-8f11-77a1c0f5a103',
  subject: 'ada',
  scope: ['email', 'profile'],
  redirectUri: 'https://client.example/cb',
  redirectUriSent: true,
  codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeGt1wOKR0WAnMCvCuHM',
  issuedAt: noon,
  expiresAt: noon + 60_000,
};

let drawn = 0;
const newCode = (): string => `Code${String(++drawn).padStart(28, '0')}`;

const owner: RedemptionAttempt = {
  attempt: 'first',
  at: noon + 1_000,
  credentialId: record.credentialId,
  boundTo: record.boundTo,
  redirectUri: record.redirectUri,
  redirectUriRequired: true,
  codeChallenge: record.codeChallenge,
  unchallenged: 'accept',
  ownMismatch: 'keeps',
};

export function behavesAsAuthorizationCodes(
  name: string,
  open: (clock: Clock) => Promise<AuthorizationCodes> | AuthorizationCodes,
): void {
  describe(`${name} as a store of authorization codes`, () => {
    const clock = testClock();
    let codes: AuthorizationCodes;
    before(async () => {
      codes = await open(clock);
    });
    beforeEach(() => clock.set(noon));

    async function saved(changes: Partial<AuthorizationCode> = {}): Promise<string> {
      const code = newCode();
      await codes.save(code, { ...record, ...changes });
      return code;
    }

    it('returns unknown for a code that was never saved', async () => {
      expect(await codes.redeem(newCode(), owner)).to.deep.equal({ outcome: 'unknown' });
    });

    it('returns the whole record of a code, with the members that are undefined', async () => {
      const bare = { serviceId: undefined, subject: undefined, codeChallenge: undefined, scope: [] };
      expect(await codes.redeem(await saved(), owner)).to.deep.equal({ outcome: 'redeemed', record });
      expect(await codes.redeem(await saved(bare), owner)).to.deep.equal({
        outcome: 'redeemed',
        record: { ...record, ...bare },
      });
    });

    it('TK-08: of many concurrent attempts exactly one returns redeemed, the others return replayed', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 40 }), async (attempts) => {
          const code = await saved();
          const outcomes = await Promise.all(
            Array.from({ length: attempts }, (_, n) => codes.redeem(code, { ...owner, attempt: `attempt ${n}` })),
          );
          expect(outcomes.filter(({ outcome }) => outcome === 'redeemed')).to.have.length(1);
          expect(outcomes.filter(({ outcome }) => outcome === 'replayed')).to.deep.equal(
            Array.from({ length: attempts - 1 }, () => ({
              outcome: 'replayed',
              grantId: record.grantId,
              expiresAt: record.expiresAt,
            })),
          );
        }),
        { numRuns: 25 },
      ));

    it('returns the same result when the attempt that redeemed a code is repeated', async () => {
      const code = await saved();
      const first = await codes.redeem(code, owner);
      expect(await codes.redeem(code, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
      expect(await codes.redeem(code, owner)).to.deep.equal(first);
    });

    it('TK-11, TK-05: an attempt by another client returns mismatched, before and after, and leaves the code valid', async () => {
      const others: Partial<RedemptionAttempt>[] = [{ credentialId: 'another' }, { boundTo: 'service:other' }];
      for (const other of others) {
        const code = await saved();
        const attempt = { ...owner, ...other, ownMismatch: 'invalidates', attempt: 'of another' } as const;
        expect(await codes.redeem(code, attempt)).to.include({ outcome: 'mismatched' });
        expect(await codes.redeem(code, owner)).to.include({ outcome: 'redeemed' });
        expect(await codes.redeem(code, attempt)).to.include({ outcome: 'mismatched' });
      }
    });

    it('returns the first binding that does not match, in the order client, boundTo, redirect URI, challenge', async () => {
      const wrong = {
        credentialId: 'another',
        boundTo: 'elsewhere',
        redirectUri: 'https://x.example',
        codeChallenge: 'x',
      };
      const code = await saved();
      const mismatches: unknown[] = [];
      for (const right of [
        {},
        { credentialId: owner.credentialId },
        { boundTo: owner.boundTo },
        { redirectUri: owner.redirectUri },
      ]) {
        Object.assign(wrong, right);
        mismatches.push(await codes.redeem(code, { ...owner, ...wrong }));
      }
      expect(mismatches).to.deep.equal(
        ['client', 'boundTo', 'redirectUri', 'codeChallenge'].map((binding) => ({ outcome: 'mismatched', binding })),
      );
    });

    it('TK-06: requires the redirect URI again if the attempt says so and the authorization request named it', async () => {
      const attempt = { ...owner, redirectUri: undefined };
      expect(await codes.redeem(await saved(), attempt)).to.include({ binding: 'redirectUri' });
      expect(await codes.redeem(await saved({ redirectUriSent: false }), attempt)).to.include({ outcome: 'redeemed' });
      expect(await codes.redeem(await saved(), { ...attempt, redirectUriRequired: false })).to.include({
        outcome: 'redeemed',
      });
    });

    it('PK-08: accepts or rejects a code without a challenge as the attempt says', async () => {
      const unchallenged = { codeChallenge: undefined };
      expect(await codes.redeem(await saved(unchallenged), { ...owner, unchallenged: 'refuse' })).to.include({
        binding: 'codeChallenge',
      });
      expect(await codes.redeem(await saved(unchallenged), owner)).to.include({ outcome: 'redeemed' });
    });

    it('PK-11, TK-10: a mismatch by its own client uses the code up if the attempt says so, else the code stays valid', async () => {
      for (const wrong of [
        { codeChallenge: 'wrong' },
        { redirectUri: 'https://wrong.example' },
        { codeChallenge: undefined },
      ]) {
        const kept = await saved();
        expect(await codes.redeem(kept, { ...owner, ...wrong })).to.include({ outcome: 'mismatched' });
        expect(await codes.redeem(kept, { ...owner, attempt: 'second' })).to.include({ outcome: 'redeemed' });

        const used = await saved();
        const attempt = { ...owner, ...wrong, ownMismatch: 'invalidates' } as const;
        const first = await codes.redeem(used, attempt);
        expect(first).to.include({ outcome: 'mismatched' });
        expect(await codes.redeem(used, attempt), 'repeated').to.deep.equal(first);
        expect(await codes.redeem(used, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
      }
    });

    it('AZ-29: a code is unknown from the instant at which it expires', async () => {
      for (const [offset, outcome] of [
        [-1, 'redeemed'],
        [0, 'unknown'],
        [1, 'unknown'],
      ] as const) {
        const code = await saved();
        const at = record.expiresAt + offset;
        clock.set(at);
        expect(await codes.redeem(code, { ...owner, at }), String(offset)).to.include({ outcome });
        clock.set(noon);
      }
    });

    it('a redeemed code stays, marked as used, until it expires', async () => {
      const code = await saved();
      await codes.redeem(code, owner);
      clock.set(record.expiresAt - 1);
      expect(await codes.redeem(code, { ...owner, attempt: 'second', at: clock.now() })).to.include({
        outcome: 'replayed',
      });
      clock.set(record.expiresAt);
      expect(await codes.redeem(code, { ...owner, attempt: 'second', at: clock.now() })).to.include({
        outcome: 'unknown',
      });
    });

    it('a repeated save does not make a redeemed code valid again', async () => {
      const code = await saved();
      await codes.redeem(code, owner);
      await codes.save(code, record);
      expect(await codes.redeem(code, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
    });

    it('SE-14: a clock that is set back does not make a code valid again that was found expired', async () => {
      const code = await saved();
      expect(await codes.redeem(code, { ...owner, at: record.expiresAt })).to.include({ outcome: 'unknown' });
      expect(await codes.redeem(code, owner)).to.include({ outcome: 'unknown' });
    });

    it('SE-06, RS-09: handles any text as a code, a client or an attempt, and compares it exactly', () =>
      fc.assert(
        fc.asyncProperty(hostileText, hostileText, hostileText, async (text, client, attempt) => {
          const code = newCode() + text;
          await codes.save(code, { ...record, credentialId: client, boundTo: text, subject: text });
          const by = { ...owner, credentialId: client, boundTo: text, attempt };
          expect(await codes.redeem(text, by)).to.include({ outcome: 'unknown' });
          expect(await codes.redeem(code, { ...by, credentialId: `${client}.` })).to.include({ binding: 'client' });
          expect(await codes.redeem(code, by)).to.deep.include({
            outcome: 'redeemed',
            record: { ...record, credentialId: client, boundTo: text, subject: text },
          });
          expect(await codes.redeem(code, { ...by, attempt: `${attempt}.` })).to.include({ outcome: 'replayed' });
        }),
        { numRuns: 60 },
      ));
  });
}

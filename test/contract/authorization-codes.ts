/** What every store of authorization codes must do. Each adapter's test calls this once; so may yours. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import type { AuthorizationCodes, RedemptionAttempt } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { noon, turnedClock } from './clock.ts';
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
  describe(`${name} keeps authorization codes`, () => {
    const clock = turnedClock();
    let codes: AuthorizationCodes;
    before(async () => {
      codes = await open(clock);
    });
    beforeEach(() => clock.turn(noon));

    async function saved(changes: Partial<AuthorizationCode> = {}): Promise<string> {
      const code = newCode();
      await codes.save(code, { ...record, ...changes });
      return code;
    }

    it('knows nothing of a code that was never saved', async () => {
      expect(await codes.redeem(newCode(), owner)).to.deep.equal({ outcome: 'unknown' });
    });

    it('gives back all that a code stands for, also what is undefined', async () => {
      const bare = { serviceId: undefined, subject: undefined, codeChallenge: undefined, scope: [] };
      expect(await codes.redeem(await saved(), owner)).to.deep.equal({ outcome: 'redeemed', record });
      expect(await codes.redeem(await saved(bare), owner)).to.deep.equal({
        outcome: 'redeemed',
        record: { ...record, ...bare },
      });
    });

    it('TK-08: tells exactly one of many concurrent attempts that the code is redeemed, the others that it is replayed', () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 40 }), async (attempts) => {
          const code = await saved();
          const told = await Promise.all(
            Array.from({ length: attempts }, (_, n) => codes.redeem(code, { ...owner, attempt: `attempt ${n}` })),
          );
          expect(told.filter(({ outcome }) => outcome === 'redeemed')).to.have.length(1);
          expect(told.filter(({ outcome }) => outcome === 'replayed')).to.deep.equal(
            Array.from({ length: attempts - 1 }, () => ({
              outcome: 'replayed',
              grantId: record.grantId,
              expiresAt: record.expiresAt,
            })),
          );
        }),
        { numRuns: 25 },
      ));

    it('tells the attempt that redeemed a code the same again when it is repeated', async () => {
      const code = await saved();
      const first = await codes.redeem(code, owner);
      expect(await codes.redeem(code, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
      expect(await codes.redeem(code, owner)).to.deep.equal(first);
    });

    it('TK-11, TK-05: a stranger is told mismatched, before and after, and costs the owner nothing', async () => {
      const strangers: Partial<RedemptionAttempt>[] = [{ credentialId: 'another' }, { boundTo: 'service:other' }];
      for (const stranger of strangers) {
        const code = await saved();
        const attempt = { ...owner, ...stranger, ownMismatch: 'invalidates', attempt: 'of a stranger' } as const;
        expect(await codes.redeem(code, attempt)).to.include({ outcome: 'mismatched' });
        expect(await codes.redeem(code, owner)).to.include({ outcome: 'redeemed' });
        expect(await codes.redeem(code, attempt)).to.include({ outcome: 'mismatched' });
      }
    });

    it('tells the first binding that is not met: client, then where it is bound, redirect URI, challenge', async () => {
      const wrong = {
        credentialId: 'another',
        boundTo: 'elsewhere',
        redirectUri: 'https://x.example',
        codeChallenge: 'x',
      };
      const code = await saved();
      const told: unknown[] = [];
      for (const right of [
        {},
        { credentialId: owner.credentialId },
        { boundTo: owner.boundTo },
        { redirectUri: owner.redirectUri },
      ]) {
        Object.assign(wrong, right);
        told.push(await codes.redeem(code, { ...owner, ...wrong }));
      }
      expect(told).to.deep.equal(
        ['client', 'boundTo', 'redirectUri', 'codeChallenge'].map((binding) => ({ outcome: 'mismatched', binding })),
      );
    });

    it('TK-06: asks for the redirect URI again where it is required and the authorization request named it', async () => {
      const attempt = { ...owner, redirectUri: undefined };
      expect(await codes.redeem(await saved(), attempt)).to.include({ binding: 'redirectUri' });
      expect(await codes.redeem(await saved({ redirectUriSent: false }), attempt)).to.include({ outcome: 'redeemed' });
      expect(await codes.redeem(await saved(), { ...attempt, redirectUriRequired: false })).to.include({
        outcome: 'redeemed',
      });
    });

    it('PK-08: accepts or refuses a code without a challenge as the attempt says', async () => {
      const unchallenged = { codeChallenge: undefined };
      expect(await codes.redeem(await saved(unchallenged), { ...owner, unchallenged: 'refuse' })).to.include({
        binding: 'codeChallenge',
      });
      expect(await codes.redeem(await saved(unchallenged), owner)).to.include({ outcome: 'redeemed' });
    });

    it('PK-11, TK-10: a mismatch of the owner spends the code where it is said to, and else keeps it', async () => {
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
        const told = await codes.redeem(used, attempt);
        expect(told).to.include({ outcome: 'mismatched' });
        expect(await codes.redeem(used, attempt), 'repeated').to.deep.equal(told);
        expect(await codes.redeem(used, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
      }
    });

    it('AZ-29: a code is unknown from the very instant it expires', async () => {
      for (const [offset, outcome] of [
        [-1, 'redeemed'],
        [0, 'unknown'],
        [1, 'unknown'],
      ] as const) {
        const code = await saved();
        const at = record.expiresAt + offset;
        clock.turn(at);
        expect(await codes.redeem(code, { ...owner, at }), String(offset)).to.include({ outcome });
        clock.turn(noon);
      }
    });

    it('a redeemed code stays, marked, until it expires', async () => {
      const code = await saved();
      await codes.redeem(code, owner);
      clock.turn(record.expiresAt - 1);
      expect(await codes.redeem(code, { ...owner, attempt: 'second', at: clock.now() })).to.include({
        outcome: 'replayed',
      });
      clock.turn(record.expiresAt);
      expect(await codes.redeem(code, { ...owner, attempt: 'second', at: clock.now() })).to.include({
        outcome: 'unknown',
      });
    });

    it('a save that is repeated does not bring a redeemed code back', async () => {
      const code = await saved();
      await codes.redeem(code, owner);
      await codes.save(code, record);
      expect(await codes.redeem(code, { ...owner, attempt: 'second' })).to.include({ outcome: 'replayed' });
    });

    it('SE-14: a clock that is set back does not revive a code that was seen expired', async () => {
      const code = await saved();
      expect(await codes.redeem(code, { ...owner, at: record.expiresAt })).to.include({ outcome: 'unknown' });
      expect(await codes.redeem(code, owner)).to.include({ outcome: 'unknown' });
    });

    it('SE-06, RS-09: takes any text for a code, a client or an attempt, and means only that text by it', () =>
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

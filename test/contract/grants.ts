/** The contract of every store of grants. The test of each adapter calls it once; yours can, too. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Grants, RotationAttempt } from '../../src/ports/grants.ts';
import { noon, testClock } from './clock.ts';
import { hostileText } from './hostile.ts';

const hour = 3_600_000;
const client = '1f0c7a52-54f1-4f4c-8f43-5d1d5a0f2c02';
const otherClient = '2f0c7a52-54f1-4f4c-8f43-5d1d5a0f2c02';
const service = '5b8a4b57-2f64-4c0e-8f11-77a1c0f5a103';

let drawn = 0;
const newToken = (): string => `Token${String(++drawn).padStart(27, '0')}`;
const newPair = () => ({ accessToken: newToken(), refreshToken: newToken() });

function grantOf(changes: Partial<Grant> = {}): Grant {
  return {
    grantId: randomUUID(),
    credentialId: client,
    subject: 'ada',
    scope: ['email', 'profile'],
    tokenStorage: 'encrypted',
    grantedAt: noon,
    generation: 1,
    boundTo: `service:${service}`,
    serviceId: service,
    accessScope: ['email'],
    issuedAt: noon,
    expiresAt: noon + hour,
    refreshExpiresAt: noon + 24 * hour,
    ...changes,
  };
}

function rotation(changes: Partial<RotationAttempt> = {}): RotationAttempt {
  return {
    attempt: `attempt ${++drawn}`,
    at: noon + 1_000,
    credentialId: client,
    from: `service:${service}`,
    boundTo: `service:${service}`,
    serviceId: service,
    tokens: newPair(),
    accessScope: ['email'],
    expiresAt: noon + 2 * hour,
    refreshExpiresAt: noon + 25 * hour,
    grace: 0,
    ...changes,
  };
}

export function behavesAsGrants(name: string, open: (clock: Clock) => Promise<Grants> | Grants): void {
  describe(`${name} as a store of grants`, () => {
    const clock = testClock();
    let grants: Grants;
    before(async () => {
      grants = await open(clock);
    });
    beforeEach(() => clock.set(noon));

    async function opened(changes: Partial<Grant> = {}, tokens: TokenPair = newPair()) {
      const grant = grantOf(changes);
      expect(await grants.open(grant, tokens)).to.equal('opened');
      return { grant, tokens, refreshToken: tokens.refreshToken! };
    }

    describe('opening', () => {
      it('finds a grant by its access token and by its refresh token, with all members', async () => {
        const bare = {
          subject: undefined,
          serviceId: undefined,
          expiresAt: undefined,
          refreshExpiresAt: undefined,
          scope: [],
        };
        for (const changes of [{}, bare, { tokenStorage: 'digest' } as const]) {
          const { grant, tokens, refreshToken } = await opened(changes);
          expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(grant);
          expect(await grants.byRefreshToken(refreshToken)).to.deep.equal({ found: 'current', grant });
        }
      });

      it('RF-07: does not accept one kind of token as the other', async () => {
        const { tokens, refreshToken } = await opened();
        expect(await grants.byAccessToken(refreshToken)).to.equal(undefined);
        expect(await grants.byRefreshToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.rotate(tokens.accessToken, rotation())).to.deep.equal({ outcome: 'unknown' });
      });

      it('SE-10: does not accept an id as a token', async () => {
        const { grant } = await opened();
        expect(await grants.byAccessToken(grant.grantId)).to.equal(undefined);
        expect(await grants.byRefreshToken(grant.grantId)).to.equal(undefined);
      });

      it('returns taken if another grant holds one of the tokens, and does not change that grant', async () => {
        const { grant, tokens, refreshToken } = await opened();
        const other = grantOf();
        expect(await grants.open(other, { ...newPair(), accessToken: tokens.accessToken })).to.equal('taken');
        expect(await grants.open(other, { ...newPair(), refreshToken })).to.equal('taken');
        expect(await grants.get(other.grantId)).to.equal(undefined);
        expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(grant);
      });

      it('returns opened again when it is repeated, and taken for the same id with other tokens', async () => {
        const { grant, tokens } = await opened();
        expect(await grants.open(grant, tokens)).to.equal('opened');
        expect(await grants.open(grant, newPair())).to.equal('taken');
      });
    });

    describe('revoking', () => {
      it('RV-05, RV-08: leaves no token of the grant, and no rotation', async () => {
        const { grant, tokens, refreshToken } = await opened();
        await grants.revoke(grant.grantId, noon + 48 * hour);
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.byRefreshToken(refreshToken)).to.equal(undefined);
        expect(await grants.rotate(refreshToken, rotation())).to.deep.equal({ outcome: 'unknown' });
        expect(await grants.get(grant.grantId)).to.equal(undefined);
        expect(await grants.replace(grant, tokens)).to.equal('missing');
      });

      it('TK-09: forbids what is saved late, until the end is forgotten', async () => {
        const grant = grantOf();
        await grants.revoke(grant.grantId, noon + hour);
        clock.set(noon + hour - 1);
        const tokens = newPair();
        expect(await grants.open(grant, tokens)).to.equal('revoked');
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        clock.set(noon + hour);
        expect(await grants.open(grant, newPair())).to.equal('opened');
      });

      it('remembers a revocation without a limit, and a second revocation never shortens the first', async () => {
        const unlimited = grantOf();
        await grants.revoke(unlimited.grantId, undefined);
        await grants.revoke(unlimited.grantId, noon + 1);
        const longer = grantOf();
        await grants.revoke(longer.grantId, noon + 2 * hour);
        await grants.revoke(longer.grantId, noon + hour);
        clock.set(noon + hour);
        expect(await grants.open(unlimited, newPair())).to.equal('revoked');
        expect(await grants.open(longer, newPair())).to.equal('revoked');
      });

      it('leaves no valid token, in whatever order a grant is opened, rotated and revoked', () =>
        fc.assert(
          fc.asyncProperty(
            fc.shuffledSubarray(['open', 'rotate', 'rotate again', 'revoke'], { minLength: 4 }),
            async (acts) => {
              const grant = grantOf();
              const first = newPair();
              const [next, last] = [rotation(), rotation()];
              const does: Record<string, () => unknown> = {
                open: () => grants.open(grant, first),
                rotate: () => grants.rotate(first.refreshToken, next),
                'rotate again': () => grants.rotate(next.tokens.refreshToken!, last),
                revoke: () => grants.revoke(grant.grantId, noon + 48 * hour),
              };
              await Promise.all(acts.map((act) => does[act]!()));
              for (const { accessToken, refreshToken } of [first, next.tokens, last.tokens]) {
                expect(await grants.byAccessToken(accessToken)).to.equal(undefined);
                expect(await grants.byRefreshToken(refreshToken!)).to.equal(undefined);
              }
            },
          ),
          { numRuns: 40 },
        ));
    });

    describe('rotating', () => {
      it('replaces the current pair by the next one; the earlier pair is invalid at once', async () => {
        const { grant, tokens, refreshToken } = await opened();
        const by = rotation({ boundTo: 'global', serviceId: undefined, accessScope: [] });
        const next: Grant = {
          ...grant,
          generation: 2,
          boundTo: 'global',
          serviceId: undefined,
          accessScope: [],
          issuedAt: by.at,
          expiresAt: by.expiresAt,
          refreshExpiresAt: by.refreshExpiresAt,
        };
        expect(await grants.rotate(refreshToken, by)).to.deep.equal({ outcome: 'rotated', grant: next });
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.byRefreshToken(refreshToken)).to.deep.equal({ found: 'used', grant: next });
        expect(await grants.byAccessToken(by.tokens.accessToken)).to.deep.equal(next);
        expect(await grants.byRefreshToken(by.tokens.refreshToken!)).to.deep.equal({ found: 'current', grant: next });
      });

      it('RF-05: of many concurrent attempts with one token exactly one returns rotated, the others return reused', () =>
        fc.assert(
          fc.asyncProperty(fc.integer({ min: 2, max: 40 }), async (count) => {
            const { grant, refreshToken } = await opened();
            const attempts = Array.from({ length: count }, () => rotation());
            const rotations = await Promise.all(attempts.map((by) => grants.rotate(refreshToken, by)));
            const winners = attempts.filter((_, n) => rotations[n]!.outcome === 'rotated');
            expect(winners).to.have.length(1);
            expect(rotations.filter(({ outcome }) => outcome === 'reused')).to.have.length(count - 1);
            for (const by of attempts) {
              const isValid = (await grants.byAccessToken(by.tokens.accessToken)) !== undefined;
              expect(isValid).to.equal(by === winners[0]);
            }
            expect((await grants.get(grant.grantId))?.grant.generation).to.equal(2);
          }),
          { numRuns: 25 },
        ));

      it('returns the same result when the attempt that rotated is repeated, and does not rotate twice', async () => {
        const { refreshToken } = await opened();
        const by = rotation();
        const first = await grants.rotate(refreshToken, by);
        expect(first.outcome).to.equal('rotated');
        expect(await grants.rotate(refreshToken, by)).to.deep.equal(first);
      });

      it('RF-01: an attempt by another client returns mismatched and leaves the token valid', async () => {
        const { refreshToken } = await opened();
        const other = rotation({ credentialId: otherClient });
        expect(await grants.rotate(refreshToken, other)).to.deep.equal({ outcome: 'mismatched' });
        expect(await grants.rotate(refreshToken, rotation({ from: 'global' }))).to.deep.equal({
          outcome: 'mismatched',
        });
        expect((await grants.byRefreshToken(refreshToken))?.found).to.equal('current');
        expect(await grants.rotate(refreshToken, rotation())).to.include({ outcome: 'rotated' });
        expect(await grants.rotate(refreshToken, other)).to.deep.equal({ outcome: 'mismatched' });
      });

      it('checks where a grant is bound only if the attempt says so', async () => {
        const { refreshToken } = await opened();
        expect(await grants.rotate(refreshToken, rotation({ from: undefined }))).to.include({ outcome: 'rotated' });
      });

      it('RF-04: a used token returns reused, also after many more rotations', async () => {
        const { refreshToken } = await opened();
        let current = refreshToken;
        for (let n = 0; n < 60; n++) {
          const by = rotation();
          await grants.rotate(current, by);
          current = by.tokens.refreshToken!;
        }
        expect(await grants.rotate(refreshToken, rotation())).to.include({ outcome: 'reused' });
        expect(await grants.rotate(current, rotation())).to.include({ outcome: 'rotated' });
      });

      it('remembers a bounded number of used tokens', async () => {
        const { refreshToken } = await opened();
        let current = refreshToken;
        for (let n = 0; n < 120; n++) {
          const by = rotation();
          await grants.rotate(current, by);
          current = by.tokens.refreshToken!;
        }
        expect(await grants.rotate(refreshToken, rotation())).to.deep.equal({ outcome: 'unknown' });
      });

      it('RF-06: within the grace a used token returns repeated, if the attempt has the current pair', async () => {
        const { refreshToken } = await opened();
        const by = rotation();
        await grants.rotate(refreshToken, by);
        const again = (at: number, changes: Partial<RotationAttempt> = {}) =>
          grants.rotate(refreshToken, rotation({ tokens: by.tokens, at, grace: 10_000, ...changes }));
        expect(await again(by.at + 9_999)).to.include({ outcome: 'repeated' });
        expect(await again(by.at + 10_000), 'the grace is over').to.include({ outcome: 'reused' });
        expect(await again(by.at + 1, { grace: 0 }), 'no grace').to.include({ outcome: 'reused' });
        expect(await again(by.at + 1, { tokens: newPair() }), 'another pair').to.include({ outcome: 'reused' });
        await grants.rotate(by.tokens.refreshToken!, rotation());
        expect(await again(by.at + 1), 'the successor was used').to.include({ outcome: 'reused' });
      });

      it('RF-08: a refresh token is unknown from the instant at which it expires', async () => {
        for (const [offset, outcome] of [
          [-1, 'rotated'],
          [0, 'unknown'],
          [1, 'unknown'],
        ] as const) {
          const { grant, refreshToken } = await opened({ expiresAt: undefined });
          const at = grant.refreshExpiresAt! + offset;
          expect(await grants.rotate(refreshToken, rotation({ at })), String(offset)).to.include({ outcome });
        }
      });

      it('keeps the refresh token if the next pair has the same one; each attempt rotates, a repeated one only once', async () => {
        const { tokens, refreshToken } = await opened();
        const keeping = () => rotation({ tokens: { accessToken: newToken(), refreshToken } });
        const [first, second] = [keeping(), keeping()];
        expect((await grants.rotate(refreshToken, first)) as { grant: Grant }).to.nested.include({
          'grant.generation': 2,
        });
        expect((await grants.rotate(refreshToken, first)) as { grant: Grant }).to.nested.include({
          'grant.generation': 2,
        });
        expect((await grants.rotate(refreshToken, second)) as { grant: Grant }).to.nested.include({
          'grant.generation': 3,
        });
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.byAccessToken(first.tokens.accessToken)).to.equal(undefined);
        expect(await grants.byAccessToken(second.tokens.accessToken)).to.include({ generation: 3 });
        expect((await grants.byRefreshToken(refreshToken))?.found).to.equal('current');
      });

      it('may leave a grant without a refresh token', async () => {
        const { refreshToken } = await opened();
        const by = rotation({
          tokens: { accessToken: newToken(), refreshToken: undefined },
          refreshExpiresAt: undefined,
        });
        expect(await grants.rotate(refreshToken, by)).to.include({ outcome: 'rotated' });
        expect((await grants.byRefreshToken(refreshToken))?.found).to.equal('used');
        expect(await grants.rotate(refreshToken, rotation())).to.include({ outcome: 'reused' });
      });
    });

    describe('expiry', () => {
      it('a grant expires with the last of its tokens, at that instant', async () => {
        const expiries = [
          { grant: { expiresAt: noon + 1, refreshExpiresAt: noon + 3 }, until: noon + 3 },
          { grant: { expiresAt: noon + 3, refreshExpiresAt: noon + 1 }, until: noon + 3 },
        ];
        for (const { grant: changes, until } of expiries) {
          const { grant, tokens, refreshToken } = await opened(changes);
          clock.set(until - 1);
          expect(await grants.get(grant.grantId), 'before').to.not.equal(undefined);
          clock.set(until);
          expect(await grants.get(grant.grantId), 'then').to.equal(undefined);
          expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
          expect(await grants.byRefreshToken(refreshToken)).to.equal(undefined);
          clock.set(noon);
        }
      });

      it('without a refresh token it expires with its access token', async () => {
        const { grant } = await opened(
          { refreshExpiresAt: noon + hour },
          { accessToken: newToken(), refreshToken: undefined },
        );
        clock.set(grant.expiresAt!);
        expect(await grants.get(grant.grantId)).to.equal(undefined);
      });

      it('a grant whose tokens never expire stays', async () => {
        const { grant } = await opened({ expiresAt: undefined });
        const { grant: other } = await opened({ refreshExpiresAt: undefined });
        clock.set(noon + 1_000 * 24 * hour);
        await opened({ expiresAt: undefined });
        expect(await grants.get(grant.grantId)).to.not.equal(undefined);
        expect(await grants.get(other.grantId)).to.not.equal(undefined);
      });

      it('a rotation postpones its expiry', async () => {
        const { grant, refreshToken } = await opened();
        const by = rotation();
        await grants.rotate(refreshToken, by);
        clock.set(grant.refreshExpiresAt!);
        await opened();
        expect(await grants.get(grant.grantId)).to.not.equal(undefined);
        clock.set(by.refreshExpiresAt!);
        expect(await grants.get(grant.grantId)).to.equal(undefined);
      });

      it('SE-14: a clock that is set back does not make a grant valid again that expired before the last write', async () => {
        const clock = testClock();
        const grants = await open(clock);
        const [grant, tokens] = [grantOf(), newPair()];
        await grants.open(grant, tokens);
        clock.set(grant.refreshExpiresAt!);
        await grants.open(grantOf(), newPair());
        clock.set(noon);
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.get(grant.grantId)).to.equal(undefined);
      });

      it('another grant may hold the tokens of an expired one', async () => {
        const { grant, tokens } = await opened();
        clock.set(grant.refreshExpiresAt!);
        const again = grantOf({ expiresAt: clock.now() + hour, refreshExpiresAt: clock.now() + hour });
        expect(await grants.open(again, tokens)).to.equal('opened');
        for (let n = 0; n < 40; n++) await opened({ expiresAt: clock.now() + hour });
        expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(again);
      });
    });

    describe('for an operator', () => {
      it('returns the tokens of a grant that are stored encrypted, and only a hint of others', async () => {
        const encrypted = await opened();
        const digest = await opened({ tokenStorage: 'digest' });
        expect(await grants.get(encrypted.grant.grantId)).to.deep.equal({
          grant: encrypted.grant,
          ...encrypted.tokens,
          hint: undefined,
        });
        expect(await grants.get(digest.grant.grantId)).to.deep.equal({
          grant: digest.grant,
          accessToken: undefined,
          refreshToken: undefined,
          hint: digest.tokens.accessToken.slice(0, 6),
        });
      });

      it('replaces a grant with its tokens; the earlier tokens are unknown', async () => {
        const { grant, tokens, refreshToken } = await opened();
        const changed: Grant = { ...grant, scope: ['other'], credentialId: otherClient, serviceId: undefined };
        const pair = newPair();
        expect(await grants.replace(changed, pair)).to.equal('replaced');
        expect(await grants.get(grant.grantId)).to.deep.equal({ grant: changed, ...pair, hint: undefined });
        expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
        expect(await grants.byRefreshToken(refreshToken)).to.equal(undefined);
        expect(await grants.byAccessToken(pair.accessToken)).to.deep.equal(changed);
        expect(await grants.byRefreshToken(pair.refreshToken)).to.deep.equal({ found: 'current', grant: changed });
      });

      it('changes nothing if the grant does not exist, or another one holds one of the tokens', async () => {
        const { grant, tokens } = await opened();
        const other = await opened();
        expect(await grants.replace(grantOf(), newPair())).to.equal('missing');
        expect(await grants.replace(grant, other.tokens)).to.equal('taken');
        expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(grant);
        expect(await grants.replace(grant, tokens), 'its own').to.equal('replaced');
        expect(await grants.byRefreshToken(tokens.refreshToken!)).to.deep.equal({ found: 'current', grant });
      });

      it('a used refresh token may become the current one again', async () => {
        const { grant, refreshToken } = await opened();
        await grants.rotate(refreshToken, rotation());
        expect(await grants.replace(grant, { accessToken: newToken(), refreshToken })).to.equal('replaced');
        expect(await grants.rotate(refreshToken, rotation())).to.include({ outcome: 'rotated' });
      });

      it('pages return all grants in the order of their ids, each once, while grants are added and removed', async () => {
        const credentialId = randomUUID();
        const present = await Promise.all(Array.from({ length: 25 }, () => opened({ credentialId })));
        const [removed, ...others] = present.map(({ grant }) => grant.grantId).sort();
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await grants.page({ size: 4, after, owner: { credentialId } });
          expect(page.rows.length).to.be.at.most(4);
          seen.push(...page.rows.map(({ grant }) => grant.grantId));
          after = page.next;
          await grants.revoke(removed!, noon + 48 * hour);
          await opened({ credentialId });
        } while (after !== undefined && seen.length < 1_000);
        expect(seen).to.deep.equal([...new Set(seen)].sort());
        expect(seen).to.include.members(others);
      });

      it('the last page has no next, also if it is full', async () => {
        const credentialId = randomUUID();
        for (let n = 0; n < 4; n++) await opened({ credentialId });
        const first = await grants.page({ size: 2, after: undefined, owner: { credentialId } });
        const last = await grants.page({ size: 2, after: first.next, owner: { credentialId } });
        expect(first.next).to.equal(first.rows[1]!.grant.grantId);
        expect(last.rows).to.have.length(2);
        expect(last.next).to.equal(undefined);
        expect(
          (await grants.page({ size: 2, after: undefined, owner: { credentialId: randomUUID() } })).rows,
        ).to.deep.equal([]);
      });

      it('lists the grants of all clients if the query names none', async () => {
        const { grant } = await opened({ credentialId: randomUUID() });
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await grants.page({ size: 50, after });
          seen.push(...page.rows.map((row) => row.grant.grantId));
          after = page.next;
        } while (after !== undefined);
        expect(seen).to.include(grant.grantId);
        expect(seen).to.deep.equal([...seen].sort());
      });

      it('CA-12: removes all grants of a client or a service, and returns their ids', async () => {
        const [credentialId, serviceId] = [randomUUID(), randomUUID()];
        const ofBoth = await opened({ credentialId, serviceId });
        const ofClient = await opened({ credentialId });
        const ofService = await opened({ serviceId });
        const others = await opened();
        expect([...(await grants.removeOf([{ credentialId }]))].sort()).to.deep.equal(
          [ofBoth.grant.grantId, ofClient.grant.grantId].sort(),
        );
        expect(await grants.removeOf([{ serviceId }])).to.deep.equal([ofService.grant.grantId]);
        for (const { tokens, refreshToken } of [ofBoth, ofClient, ofService]) {
          expect(await grants.byAccessToken(tokens.accessToken)).to.equal(undefined);
          expect(await grants.byRefreshToken(refreshToken)).to.equal(undefined);
        }
        expect(await grants.byAccessToken(others.tokens.accessToken)).to.deep.equal(others.grant);
        expect(await grants.removeOf([{ serviceId }])).to.deep.equal([]);
      });

      it('lists the grants of a service, also after a rotation moved one to another service', async () => {
        const [one, other] = [randomUUID(), randomUUID()];
        const moved = await opened({ serviceId: one });
        const stays = await opened({ serviceId: one });
        await opened({ serviceId: undefined });
        expect((await grants.rotate(moved.refreshToken, rotation({ serviceId: other }))).outcome).to.equal('rotated');
        const idsOf = async (serviceId: string) =>
          (await grants.page({ size: 9, after: undefined, owner: { serviceId } })).rows.map((row) => row.grant.grantId);
        expect(await idsOf(one)).to.deep.equal([stays.grant.grantId]);
        expect(await idsOf(other)).to.deep.equal([moved.grant.grantId]);
        expect(
          await grants.removeOf([{ serviceId: one }, { serviceId: other }, { credentialId: randomUUID() }]),
        ).to.have.members([moved.grant.grantId, stays.grant.grantId]);
      });

      it('removes more grants of one client than one write removes', async () => {
        const credentialId = randomUUID();
        const all = await Promise.all(Array.from({ length: 450 }, () => opened({ credentialId })));
        expect(await grants.removeOf([{ credentialId }])).to.have.members(all.map(({ grant }) => grant.grantId));
        expect((await grants.page({ size: 10, after: undefined, owner: { credentialId } })).rows).to.deep.equal([]);
      });
    });

    it('SE-06, RS-09: handles any text as a token or a subject, and compares it exactly', () =>
      fc.assert(
        fc.asyncProperty(hostileText, hostileText, async (text, subject) => {
          const tokens = { accessToken: newToken() + text, refreshToken: newToken() + text };
          const { grant } = await opened({ subject, boundTo: text, scope: [text] }, tokens);
          expect(await grants.byAccessToken(text)).to.equal(undefined);
          expect(await grants.byRefreshToken(text)).to.equal(undefined);
          expect(await grants.get(text)).to.equal(undefined);
          expect((await grants.page({ size: 3, after: text, owner: { credentialId: text } })).rows).to.deep.equal([]);
          expect(await grants.removeOf([{ credentialId: text }])).to.deep.equal([]);
          expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(grant);
          expect(await grants.get(grant.grantId)).to.deep.equal({ grant, ...tokens, hint: undefined });
        }),
        { numRuns: 60 },
      ));

    it('knows exactly one pair of tokens for each valid grant, after any operations', () =>
      fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
          clock.set(noon);
          const model: { grant: Grant; tokens: TokenPair; used: string[]; isRevoked: boolean }[] = [];
          const validOne = (n: number) => {
            const all = model.filter(({ isRevoked, grant }) => !isRevoked && grant.refreshExpiresAt! > clock.now());
            return all.length === 0 ? undefined : all[n % all.length];
          };
          for (const { does, n } of operations) {
            const one = validOne(n);
            if (does === 'turn') clock.set(clock.now() + n * 60_000);
            else if (does === 'open') {
              const grant = grantOf({ expiresAt: clock.now() + hour, refreshExpiresAt: clock.now() + 2 * hour });
              const tokens = newPair();
              expect(await grants.open(grant, tokens)).to.equal('opened');
              model.push({ grant, tokens, used: [], isRevoked: false });
            } else if (one === undefined) continue;
            else if (does === 'rotate') {
              const by = rotation({
                at: clock.now(),
                expiresAt: clock.now() + hour,
                refreshExpiresAt: clock.now() + 2 * hour,
              });
              const rotated = await grants.rotate(one.tokens.refreshToken!, by);
              if (rotated.outcome !== 'rotated') throw new Error(`a valid grant is ${rotated.outcome}`);
              one.used.push(one.tokens.refreshToken!);
              Object.assign(one, { grant: rotated.grant, tokens: by.tokens });
            } else if (does === 'replace') {
              const tokens = newPair();
              expect(await grants.replace(one.grant, tokens)).to.equal('replaced');
              one.tokens = tokens;
            } else if (does === 'revoke') {
              await grants.revoke(one.grant.grantId, clock.now() + 4 * hour);
              one.isRevoked = true;
            }
          }
          for (const { grant, tokens, used, isRevoked } of model) {
            const isValid = !isRevoked && grant.refreshExpiresAt! > clock.now();
            expect(await grants.byAccessToken(tokens.accessToken)).to.deep.equal(isValid ? grant : undefined);
            expect((await grants.byRefreshToken(tokens.refreshToken!))?.found).to.equal(
              isValid ? 'current' : undefined,
            );
            for (const token of used) {
              expect((await grants.byRefreshToken(token))?.found).to.equal(isValid ? 'used' : undefined);
            }
          }
        }),
        { numRuns: 40 },
      ));
  });
}

const operation = fc.record({
  does: fc.constantFrom('open', 'open', 'rotate', 'rotate', 'replace', 'revoke', 'turn'),
  n: fc.nat(50),
});

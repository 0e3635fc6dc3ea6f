import { expect } from 'chai';
import { accessPerformers, authorizationPerformers, grantPerformers, type Ports } from '../../src/driver/perform.ts';
import type { RotateRefreshToken } from '../../src/grants/vocabulary.ts';
import type { Redemption } from '../../src/ports/authorization-codes.ts';
import type { ClientProof } from '../../src/ports/clients.ts';
import type { Rotation } from '../../src/ports/grants.ts';
import { codeRecord, grantOf } from '../support/token-request.ts';
import { alice, beginning, issuers, makeWorld, printer } from '../support/world.ts';

const grant = grantOf(issuers.kong);
const { ports } = makeWorld();

/** The performers over ports of which some answer with what the test says. */
function performers(replace: { [P in keyof Ports]?: Partial<Ports[P]> }) {
  const replaced = Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [name, { ...port, ...replace[name as keyof Ports] }]),
  ) as unknown as Ports;
  return { ...grantPerformers(replaced), ...authorizationPerformers(replaced) };
}

describe('Performing an effect', () => {
  it('authenticateClient: proven, failed with or without a client, ambiguous, rate limited', () => {
    const eventFor = (proof: ClientProof) =>
      performers({ clients: { authenticate: () => proof } }).authenticateClient({
        effect: 'authenticateClient',
        authentication: { method: 'none', clientId: undefined, clientSecret: undefined, from: undefined },
      });
    expect(eventFor({ client: printer, proof: 'proven' })).to.deep.equal({
      event: 'clientAuthenticated',
      client: printer,
    });
    expect(eventFor({ client: printer, proof: 'failed' })).to.deep.equal({ event: 'clientRejected', client: printer });
    expect(eventFor({ client: undefined, proof: 'failed' })).to.deep.equal({
      event: 'clientRejected',
      client: undefined,
    });
    expect(eventFor({ client: undefined, proof: 'proven' })).to.deep.equal({
      event: 'clientRejected',
      client: undefined,
    });
    expect(eventFor({ client: undefined, proof: 'ambiguous' })).to.deep.equal({ event: 'clientAmbiguous' });
    expect(eventFor({ client: printer, proof: 'rateLimited', retryAfter: 9 })).to.deep.equal({
      event: 'clientRateLimited',
      retryAfter: 9,
    });
    expect(eventFor({ client: printer, proof: 'rateLimited' })).to.deep.equal({
      event: 'clientRateLimited',
      retryAfter: 1,
    });
    expect(eventFor({ client: printer, proof: 'busy' })).to.deep.equal({
      event: 'clientRateLimited',
      retryAfter: 1,
      busy: true,
    });
  });

  it('redeemAuthorizationCode: redeemed, replayed, mismatched, unknown', () => {
    const eventFor = (redemption: Redemption) =>
      performers({ codes: { redeem: () => redemption } }).redeemAuthorizationCode({
        effect: 'redeemAuthorizationCode',
        code: 'c',
        by: {} as never,
      });
    expect(eventFor({ outcome: 'redeemed', record: codeRecord })).to.deep.equal({
      event: 'codeRedeemed',
      record: codeRecord,
    });
    expect(eventFor({ outcome: 'replayed', grantId: 'g', expiresAt: 7 })).to.deep.equal({
      event: 'codeReplayed',
      grantId: 'g',
      expiresAt: 7,
    });
    expect(eventFor({ outcome: 'mismatched', binding: 'client' })).to.deep.equal({
      event: 'codeMismatched',
      binding: 'client',
    });
    expect(eventFor({ outcome: 'unknown' })).to.deep.equal({ event: 'codeUnknown' });
  });

  it('openGrant: opened with new random tokens, or revoked before', () => {
    const open = (outcome: 'opened' | 'revoked' | 'taken', withRefreshToken: boolean) =>
      performers({ grants: { open: () => outcome } }).openGrant({ effect: 'openGrant', grant, withRefreshToken });
    expect(open('opened', true)).to.have.nested.property('tokens.refreshToken').that.is.a('string');
    expect(open('opened', false)).to.have.nested.property('tokens.refreshToken', undefined);
    expect(open('revoked', true)).to.deep.equal({ event: 'grantAlreadyRevoked' });
  });

  it('TK-20: openGrant fails if a new token is already in use', () => {
    const { openGrant } = performers({ grants: { open: () => 'taken' } });
    expect(() => openGrant({ effect: 'openGrant', grant, withRefreshToken: true })).to.throw('is already in use');
  });

  it('findRefreshToken: found, current or used, or unknown', () => {
    const { findRefreshToken } = performers({
      grants: { byRefreshToken: (token) => (token === 'nope' ? undefined : { found: token as 'used', grant }) },
    });
    for (const refreshToken of ['current', 'used']) {
      expect(findRefreshToken({ effect: 'findRefreshToken', refreshToken })).to.deep.equal({
        event: 'refreshTokenFound',
        grant,
      });
    }
    expect(findRefreshToken({ effect: 'findRefreshToken', refreshToken: 'nope' })).to.deep.equal({
      event: 'refreshTokenUnknown',
    });
  });

  const rotation = (outcome: Rotation, successor: RotateRefreshToken['successor'] = 'fresh') =>
    performers({ grants: { rotate: () => outcome } }).rotateRefreshToken({
      effect: 'rotateRefreshToken',
      refreshToken: 'old',
      successor,
      by: {} as never,
    });

  it('rotateRefreshToken: rotated and repeated with the tokens, reused, and unknown for all else', () => {
    expect(rotation({ outcome: 'rotated', grant })).to.include({ event: 'refreshTokenRotated', grant });
    expect(rotation({ outcome: 'repeated', grant }, 'derived')).to.include({ event: 'refreshTokenRotated', grant });
    expect(rotation({ outcome: 'reused', grant })).to.deep.equal({ event: 'refreshTokenReused', grant });
    expect(rotation({ outcome: 'mismatched' })).to.deep.equal({ event: 'refreshTokenUnknown' });
    expect(rotation({ outcome: 'unknown' })).to.deep.equal({ event: 'refreshTokenUnknown' });
  });

  it('rotateRefreshToken: the next pair is fresh, derived from the old token, keeps it, or has none', () => {
    const pair = (successor: RotateRefreshToken['successor']) => {
      const event = rotation({ outcome: 'rotated', grant }, successor);
      return 'tokens' in event ? event.tokens : undefined;
    };
    expect(pair('fresh')!.refreshToken).to.be.a('string').and.not.equal(pair('fresh')!.refreshToken);
    expect(pair('derived')).to.deep.equal(pair('derived'));
    expect(pair('derived')).to.deep.equal(ports.successors.successorOf('old'));
    expect(pair('kept')!.refreshToken).to.equal('old');
    expect(pair('kept')!.accessToken).to.not.equal(pair('kept')!.accessToken);
    expect(pair('none')!.refreshToken).to.equal(undefined);
  });

  it('revokeGrant: revoked', () => {
    expect(performers({}).revokeGrant({ effect: 'revokeGrant', grantId: 'g', until: beginning })).to.deep.equal({
      event: 'grantRevoked',
    });
  });

  it('findClient: found or unknown', () => {
    const { findClient } = performers({});
    expect(findClient({ effect: 'findClient', clientId: 'printer' })).to.deep.equal({
      event: 'clientFound',
      client: printer,
    });
    expect(findClient({ effect: 'findClient', clientId: 'unknown' })).to.deep.equal({ event: 'clientUnknown' });
  });

  it('saveAuthorizationCode: the new random code', () => {
    const saved: string[] = [];
    const { saveAuthorizationCode } = performers({ codes: { save: (code) => void saved.push(code) } });
    expect(saveAuthorizationCode({ effect: 'saveAuthorizationCode', record: codeRecord })).to.deep.equal({
      event: 'authorizationCodeSaved',
      code: saved[0],
    });
  });

  it('findAccessToken: found or unknown', () => {
    const bearer = { grant, client: printer, consumer: alice };
    const { findAccessToken } = accessPerformers({ find: (token) => (token === 'a' ? bearer : undefined) });
    expect(findAccessToken({ effect: 'findAccessToken', accessToken: 'a' })).to.deep.equal({
      event: 'accessTokenFound',
      bearer,
    });
    expect(findAccessToken({ effect: 'findAccessToken', accessToken: 'b' })).to.deep.equal({
      event: 'accessTokenUnknown',
    });
  });
});

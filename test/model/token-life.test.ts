/**
 * The server and its gate must behave as a list of grants and a clock, whatever is asked of them in whatever order: the
 * real authorization server over the memory stores, next to a model of one page.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { Client } from '../../src/oauth/client.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { Scope } from '../../src/oauth/scope.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { OAuthResponse } from '../../src/wire/response.ts';
import {
  at,
  basic,
  issuers,
  makeWorld,
  now,
  phone,
  printer,
  secretOf,
  till,
  verifier,
  type World,
} from '../support/world.ts';
import { codesForgotten } from '../support/wrong-stores.ts';

const clients = [printer, till, phone] as const;

// What the model remembers ------------------------------------------------------------------------------------------

interface ModelGrant {
  readonly owner: Client;
  readonly scope: Scope;
  ended: boolean;
  /** How often it was refreshed. A token belongs to one generation, and is valid while that is the current one. */
  generation: number;
  accessScope: Scope;
  expiresAt: number;
  refreshExpiresAt: number;
  rotatedAt: number;
}
interface ModelCode {
  readonly owner: Client;
  readonly scope: Scope;
  readonly expiresAt: number;
  used: boolean;
  /** Opened by its redemption. */
  grant: ModelGrant | undefined;
}
interface ModelToken {
  readonly grant: ModelGrant;
  readonly generation: number;
}
interface Model {
  now: number;
  readonly issuer: Issuer;
  readonly codes: ModelCode[];
  readonly accessTokens: ModelToken[];
  readonly refreshTokens: ModelToken[];
}
/** The n-th code, access token and refresh token of the model, as the client got them. */
interface Real extends World {
  readonly handles: { readonly codes: string[]; readonly accessTokens: string[]; readonly refreshTokens: string[] };
}
type Command = fc.AsyncCommand<Model, Real>;

const isValid = ({ grant, generation }: ModelToken, { now }: Model): boolean =>
  !grant.ended && generation === grant.generation && now < grant.expiresAt;

function issue(model: Model, real: Real, grant: ModelGrant, { body }: OAuthResponse): void {
  const { issuer } = model;
  expect(body['expires_in']).to.equal(issuer.accessTokenLifetime / 1000);
  if (issuer.profile.scopeInResponse === 'always') {
    // An empty scope cannot be said.
    expect(body['scope'] ?? '').to.equal(grant.accessScope.join(' '));
  }
  const token = { grant, generation: grant.generation };
  real.handles.accessTokens.push(String(body['access_token']));
  model.accessTokens.push(token);
  if (body['refresh_token'] === undefined) return;
  real.handles.refreshTokens.push(String(body['refresh_token']));
  model.refreshTokens.push(token);
}

const newGrant = ({ now, issuer }: Model, owner: Client, scope: Scope, refreshable: boolean): ModelGrant => ({
  owner,
  scope,
  ended: false,
  generation: 0,
  accessScope: scope,
  expiresAt: now + issuer.accessTokenLifetime,
  refreshExpiresAt: now + (refreshable ? issuer.refreshTokenLifetime : issuer.accessTokenLifetime),
  rotatedAt: now,
});

// What may be asked -------------------------------------------------------------------------------------------------

class Authorize implements Command {
  readonly owner: Client;
  readonly scope: Scope;
  constructor(owner: Client, scope: Scope) {
    this.owner = owner;
    this.scope = scope;
  }
  check = () => true;
  async run(model: Model, real: Real) {
    real.handles.codes.push(now(real.code(model.issuer, this.owner, { scope: this.scope.join(' ') })));
    const expiresAt = model.now + model.issuer.profile.codeLifetime;
    model.codes.push({ owner: this.owner, scope: this.scope, expiresAt, used: false, grant: undefined });
  }
  toString = () => `authorize(${this.owner.clientId}, "${this.scope.join(' ')}")`;
}

class Redeem implements Command {
  readonly n: number;
  readonly as: Client | 'owner';
  readonly verifier: string | undefined;
  constructor(n: number, as: Client | 'owner', verifier: string | undefined) {
    this.n = n;
    this.as = as;
    this.verifier = verifier;
  }
  check = ({ codes }: Readonly<Model>) => codes.length > 0;
  async run(model: Model, real: Real) {
    const { issuer } = model;
    const n = this.n % model.codes.length;
    const code = model.codes[n]!;
    const as = this.as === 'owner' ? code.owner : this.as;
    const form = { redirect_uri: code.owner.redirectUris?.[0], code_verifier: this.verifier };
    const own = as === code.owner;
    // Kong lets a client name only a redirect URI that it registered.
    const response = now(
      real.redeem(issuer, real.handles.codes[n]!, as, own ? form : { ...form, redirect_uri: undefined }),
    );
    const known = model.now < code.expiresAt && own;
    if (known && !code.used && this.verifier === verifier) {
      expect(response.status).to.equal(200);
      code.used = true;
      code.grant = newGrant(model, code.owner, code.scope, true);
      issue(model, real, code.grant, response);
      return;
    }
    expect(response.status).to.equal(400);
    if (!known || issuer.profile.name === 'kong') return;
    if (code.used && code.grant !== undefined) code.grant.ended = true;
    code.used = true;
  }
  toString = () =>
    `redeem(#${this.n}, ${this.as === 'owner' ? 'its owner' : this.as.clientId}, ${this.verifier?.slice(0, 1)}…)`;
}

class ClientCredentials implements Command {
  readonly owner: Client;
  readonly scope: Scope;
  constructor(owner: Client, scope: Scope) {
    this.owner = owner;
    this.scope = scope;
  }
  check = () => true;
  async run(model: Model, real: Real) {
    const form = { grant_type: 'client_credentials', scope: this.scope.join(' ') };
    const response = now(real.token(model.issuer, form, this.owner));
    expect(response.status).to.equal(200);
    expect(response.body).to.not.have.property('refresh_token');
    issue(model, real, newGrant(model, this.owner, this.scope, false), response);
  }
  toString = () => `clientCredentials(${this.owner.clientId}, "${this.scope.join(' ')}")`;
}

class Refresh implements Command {
  readonly n: number;
  readonly as: Client | 'owner';
  readonly scope: Scope | undefined;
  constructor(n: number, as: Client | 'owner', scope: Scope | undefined) {
    this.n = n;
    this.as = as;
    this.scope = scope;
  }
  check = ({ refreshTokens }: Readonly<Model>) => refreshTokens.length > 0;
  async run(model: Model, real: Real) {
    const { issuer } = model;
    const n = this.n % model.refreshTokens.length;
    const { grant, generation } = model.refreshTokens[n]!;
    const as = this.as === 'owner' ? grant.owner : this.as;
    const presented = real.handles.refreshTokens[n]!;
    const response = now(real.refresh(issuer, presented, as, { scope: this.scope?.join(' ') }));

    const narrows = issuer.profile.refreshScope === 'narrows' && this.scope !== undefined && this.scope.length > 0;
    const known = !grant.ended && model.now < grant.refreshExpiresAt && as === grant.owner;
    if (!known || (narrows && !this.scope!.every((token) => grant.scope.includes(token)))) {
      expect(response.status).to.equal(400);
      return;
    }
    const kept = issuer.reusesRefreshToken;
    const current = kept || generation === grant.generation;
    if (current) {
      expect(response.status).to.equal(200);
      expect(response.body['refresh_token'] === presented).to.equal(kept);
      grant.generation++;
      grant.accessScope = narrows ? this.scope! : grant.scope;
      grant.expiresAt = model.now + issuer.accessTokenLifetime;
      grant.refreshExpiresAt = model.now + issuer.refreshTokenLifetime;
      grant.rotatedAt = model.now;
      issue(model, real, grant, response);
      return;
    }
    const isSuccessorCurrent = generation === grant.generation - 1;
    if (isSuccessorCurrent && model.now < grant.rotatedAt + issuer.refreshTokenGrace) {
      expect(response.status).to.equal(200);
      const place = model.refreshTokens.findIndex((one) => one.grant === grant && one.generation === grant.generation);
      expect(response.body['refresh_token']).to.equal(real.handles.refreshTokens[place]);
      return;
    }
    expect(response.status).to.equal(400);
    if (issuer.profile.name === 'rfc9700') grant.ended = true;
  }
  toString = () =>
    `refresh(#${this.n}, ${this.as === 'owner' ? 'its owner' : this.as.clientId}, ${this.scope?.join(' ') ?? 'as before'})`;
}

class PassGate implements Command {
  readonly n: number;
  readonly needs: Scope;
  readonly elsewhere: boolean;
  constructor(n: number, needs: Scope, elsewhere: boolean) {
    this.n = n;
    this.needs = needs;
    this.elsewhere = elsewhere;
  }
  check = ({ accessTokens }: Readonly<Model>) => accessTokens.length > 0;
  async run(model: Model, real: Real) {
    const n = this.n % model.accessTokens.length;
    const token = model.accessTokens[n]!;
    const { audience } = this.elsewhere ? at('others', model.issuer) : model.issuer;
    const outcome = now(real.check(real.handles.accessTokens[n]!, audience, this.needs));
    const enough = this.needs.every((one) => token.grant.accessScope.includes(one));
    const expected =
      !isValid(token, model) || this.elsewhere ? 'token_invalid' : enough ? 'admitted' : 'scope_insufficient';
    expect(outcome.state === 'admitted' ? outcome.state : outcome.reason).to.equal(expected);
    if (outcome.state === 'admitted') expect(outcome.bearer.client).to.equal(token.grant.owner);
  }
  toString = () => `gate(#${this.n}, "${this.needs.join(' ')}"${this.elsewhere ? ', elsewhere' : ''})`;
}

/** An operator ends the grant of a token (`DELETE /oauth2_tokens/…`). */
class RevokeGrant implements Command {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  // Only a live token leads to its grant here.
  check = (model: Readonly<Model>) =>
    model.accessTokens.length > 0 && isValid(model.accessTokens[this.n % model.accessTokens.length]!, model);
  async run(model: Model, real: Real) {
    const n = this.n % model.accessTokens.length;
    const outcome = now(real.check(real.handles.accessTokens[n]!, model.issuer.audience));
    if (outcome.state !== 'admitted') throw new Error(`denied: ${outcome.reason}`);
    now(real.ports.grants.revoke(outcome.bearer.grant.grantId, undefined));
    model.accessTokens[n]!.grant.ended = true;
  }
  toString = () => `end(the grant of #${this.n})`;
}

/** An operator removes all that a client was granted. */
class RemoveGrantsOf implements Command {
  readonly owner: Client;
  constructor(owner: Client) {
    this.owner = owner;
  }
  check = () => true;
  async run(model: Model, real: Real) {
    now(real.ports.grants.removeOf([{ credentialId: this.owner.id }]));
    for (const { grant } of model.accessTokens) if (grant.owner === this.owner) grant.ended = true;
  }
  toString = () => `remove(all of ${this.owner.clientId})`;
}

/** A client that guesses changes nothing. */
class GuessSecret implements Command {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  check = ({ refreshTokens }: Readonly<Model>) => refreshTokens.length > 0;
  async run(model: Model, real: Real) {
    const n = this.n % model.refreshTokens.length;
    const form = { grant_type: 'refresh_token', refresh_token: real.handles.refreshTokens[n]! };
    const authorization = basic(printer, `${secretOf(printer)}?`, model.issuer);
    expect(now(real.token(model.issuer, form, undefined, { authorization })).status).to.equal(401);
  }
  toString = () => `guess(#${this.n})`;
}

class Wait implements Command {
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }
  check = () => true;
  async run(model: Model, real: Real) {
    model.now += this.milliseconds;
    real.clock.advance(this.milliseconds);
  }
  toString = () => `wait(${this.milliseconds} ms)`;
}

/** Waits until the instant at which something expires, or just before or after it. */
class WaitForExpiry implements Command {
  readonly of: 'code' | 'access token' | 'refresh token' | 'grace';
  readonly n: number;
  readonly off: -1 | 0 | 1;
  constructor(of: WaitForExpiry['of'], n: number, off: -1 | 0 | 1) {
    this.of = of;
    this.n = n;
    this.off = off;
  }
  moment({ codes, accessTokens, issuer }: Readonly<Model>): number {
    const token = accessTokens[this.n % accessTokens.length]?.grant;
    const moments = {
      code: codes[this.n % codes.length]?.expiresAt,
      'access token': token?.expiresAt,
      'refresh token': token?.refreshExpiresAt,
      grace: token === undefined ? undefined : token.rotatedAt + issuer.refreshTokenGrace,
    };
    return (moments[this.of] ?? 0) + this.off;
  }
  check = (model: Readonly<Model>) => this.moment(model) > model.now;
  async run(model: Model, real: Real) {
    const moment = this.moment(model);
    real.clock.advance(moment - model.now);
    model.now = moment;
  }
  toString = () =>
    `wait(for the expiry of ${this.of} #${this.n}${this.off < 0 ? ' - 1 ms' : this.off > 0 ? ' + 1 ms' : ''})`;
}

const n = fc.nat(15);
const scope = fc.subarray(['email', 'profile']);
const owner = fc.constantFrom(...clients);
const as = fc.oneof({ weight: 5, arbitrary: fc.constant('owner' as const) }, { weight: 1, arbitrary: owner });

const commands = fc.commands(
  [
    fc.tuple(owner, scope).map(([owner, scope]) => new Authorize(owner, scope)),
    fc
      .tuple(n, as, fc.constantFrom(verifier, verifier, verifier, 'w'.repeat(43), undefined))
      .map(([n, as, verifier]) => new Redeem(n, as, verifier)),
    fc.tuple(fc.constantFrom(printer, till), scope).map(([owner, scope]) => new ClientCredentials(owner, scope)),
    fc
      .tuple(n, as, fc.option(fc.subarray(['email', 'profile', 'address']), { nil: undefined }))
      .map(([n, as, scope]) => new Refresh(n, as, scope)),
    fc.tuple(n, as).map(([n, as]) => new Refresh(n, as, undefined)),
    fc.tuple(n, scope, fc.boolean()).map(([n, scope, elsewhere]) => new PassGate(n, scope, elsewhere)),
    n.map((n) => new PassGate(n, [], false)),
    n.map((n) => new RevokeGrant(n)),
    owner.map((owner) => new RemoveGrantsOf(owner)),
    n.map((n) => new GuessSecret(n)),
    fc.constantFrom(1, 29_999, 30_000, 59_999, 60_000, 599_000, 600_000, 601_000).map((time) => new Wait(time)),
    fc
      .tuple(fc.constantFrom('code', 'access token', 'refresh token', 'grace'), n, fc.constantFrom(-1, 0, 1))
      .map(([of, n, off]) => new WaitForExpiry(of, n, off)),
  ],
  { size: '+1' },
);

const settings: Readonly<Record<string, Issuer>> = {
  kong: issuers.kong,
  'kong, with reuse_refresh_token': { ...issuers.kong, reusesRefreshToken: true },
  rfc9700: issuers.rfc9700,
  'rfc9700, with a grace of 30 s': { ...issuers.rfc9700, refreshTokenGrace: 30_000 },
};

const life = (
  issuer: Issuer,
  replace: (world: World) => { codes?: AuthorizationCodes; grants?: Grants } = () => ({}),
) =>
  fc.asyncProperty(commands, (script) =>
    fc.asyncModelRun(() => {
      const plain = makeWorld();
      const world = makeWorld({ clock: plain.clock, ...plain.ports, ...replace(plain) });
      const model: Model = { now: world.clock.now(), issuer, codes: [], accessTokens: [], refreshTokens: [] };
      const real: Real = { ...world, handles: { codes: [], accessTokens: [], refreshTokens: [] } };
      return { model, real };
    }, script),
  );

describe('Codes, tokens and grants over time', () => {
  for (const [name, issuer] of Object.entries(settings)) {
    it(`behave as the model does, for any sequence of commands: ${name}`, () =>
      fc.assert(life(issuer), { numRuns: 250 }));
  }
});

describe('The model would catch a server', () => {
  const slow = ({ now }: World['clock']) => ({ now: () => now() - 1 });
  const isCaught = async (property: ReturnType<typeof life>) => {
    const { failed } = await fc.check(property, { numRuns: 10_000, endOnFailure: true });
    expect(failed).to.equal(true);
  };

  it('whose codes are valid a millisecond too long', () =>
    isCaught(
      life(issuers.kong, ({ clock }) => {
        const codes = memoryAuthorizationCodes(slow(clock));
        return { codes: { ...codes, redeem: (code, by) => codes.redeem(code, { ...by, at: by.at - 1 }) } };
      }),
    ));

  it('that does not detect a replay', () =>
    isCaught(life(issuers.rfc9700, ({ clock }) => ({ codes: codesForgotten(clock) }))));

  it('that does not revoke a grant', () =>
    isCaught(life(issuers.kong, ({ ports: { grants } }) => ({ grants: { ...grants, revoke: () => {} } }))));

  it('whose refreshes leave the previous access token valid', () =>
    isCaught(
      life(issuers.kong, ({ ports: { grants } }) => {
        const before = new Map<string, ReturnType<typeof grants.byAccessToken>>();
        return {
          grants: {
            ...grants,
            open(grant, tokens) {
              before.set(tokens.accessToken, grant);
              return grants.open(grant, tokens);
            },
            byAccessToken: (token) => before.get(token) ?? grants.byAccessToken(token),
          },
        };
      }),
    ));

  it('whose refresh tokens are valid a millisecond too long', () =>
    isCaught(
      life(issuers.rfc9700, ({ clock }) => {
        const grants = memoryGrants(slow(clock));
        return { grants: { ...grants, rotate: (token, by) => grants.rotate(token, { ...by, at: by.at - 1 }) } };
      }),
    ));
});

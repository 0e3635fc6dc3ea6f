/** What holds of every machine, whatever it is asked and whatever the ports answer. */
import { expect } from 'chai';
import type { Client } from '../src/oauth/client.ts';
import { refusals } from '../src/oauth/refusals.ts';
import { isWithin, type Scope } from '../src/oauth/scope.ts';
import type { AuthorizationCode, Grant } from '../src/oauth/tokens.ts';
import { broughtSecrets, drawn, forAnyWalk, machines, type Walk } from './support/machines.ts';

const runs = 400;
const names = machines.map(({ machine }) => machine.name);

describe('Every machine', () => {
  it('has its own name', () => {
    expect(new Set(names).size).to.equal(machines.length);
  });

  for (const walkable of machines) {
    const { machine } = walkable;
    const forAll = (look: (walk: Walk) => void) => () => forAnyWalk(walkable, look, runs);
    const waitingStates = Object.keys(machine.transitions).length;

    describe(machine.name, () => {
      it(
        `ends within ${waitingStates} steps: no state is waited in twice`,
        forAll(({ steps, outcome }) => {
          expect(outcome.awaits).to.equal(undefined);
          expect(new Set(steps.map(({ from }) => from.state)).size).to.equal(steps.length);
        }),
      );

      it(
        'waits only in states that it has a row for, and ends only in others',
        forAll(({ first, steps }) => {
          for (const { state, awaits } of [first, ...steps.map(({ to }) => to)]) {
            expect(Object.hasOwn(machine.transitions, state)).to.equal(awaits !== undefined);
          }
        }),
      );

      it(
        'refuses for reasons that the table of refusals has',
        forAll(({ outcome }) => {
          if (outcome.reason !== undefined) expect(Object.hasOwn(refusals, outcome.reason)).to.equal(true);
        }),
      );

      it(
        'tells no secret in a refusal, neither one that was brought nor one that was drawn',
        forAll(({ outcome }) => {
          if (outcome.reason === undefined) return;
          for (const secret of [...broughtSecrets, drawn.accessToken, drawn.refreshToken]) {
            expect(JSON.stringify(outcome)).to.not.contain(secret);
          }
        }),
      );

      it(
        'TK-20: grants no token but one that was drawn for it',
        forAll(({ outcome }) => {
          if ('tokens' in outcome) expect(outcome.tokens).to.equal(drawn);
        }),
      );

      it(
        'gives nothing to a client that is not known to be who it says',
        forAll(({ steps, outcome }) => {
          if (!('tokens' in outcome) && !('code' in outcome)) return;
          // At the authorization endpoint the login page vouches for the whole request.
          const known = ['clientAuthenticated', 'clientFound', 'grantOpened'];
          expect(known).to.include(steps[0]!.event.event);
        }),
      );

      it(
        'RF-02: writes down no scope that was not granted before, or is not on offer',
        forAll((walk) => {
          for (const { scope, within } of scopesWritten(walk)) expect(isWithin(scope, within)).to.equal(true);
        }),
      );

      it(
        'TK-21: binds nothing to nowhere',
        forAll(({ steps }) => {
          for (const { from } of steps) {
            const written = from.awaits as { grant?: Grant; record?: AuthorizationCode; by?: { boundTo: string } };
            if (written.grant !== undefined) expect(written.grant.boundTo).to.not.equal('');
            if (written.record !== undefined) expect(written.record.boundTo).to.not.equal('');
            if (written.by !== undefined) expect(written.by.boundTo).to.not.equal('');
          }
        }),
      );

      it(
        'RF-01: writes down no other client than the one that was found',
        forAll(({ steps }) => {
          const found = steps.flatMap(({ event }) =>
            'client' in event ? [event.client as Client | undefined] : [],
          )[0];
          for (const { from } of steps) {
            const { grant, record, by } = from.awaits as { grant?: Grant; record?: Grant; by?: Grant };
            for (const written of [grant, record, by]) {
              if (written !== undefined && found !== undefined) expect(written.credentialId).to.equal(found.id);
            }
          }
        }),
      );
    });
  }
});

/** Each scope that a walk has a port write down, and all that it may consist of. */
function scopesWritten({ request, steps }: Walk): readonly { scope: Scope; within: Scope }[] {
  const { issuer, scope: asked } = request;
  // The implicit grant is handed a scope that the authorization endpoint has looked at.
  let within: Scope = Array.isArray(asked) ? asked : [...(issuer?.scopes ?? []), ...(issuer?.defaultScope ?? [])];
  return steps.flatMap(({ from, event }) => {
    const { grant, record, by } = from.awaits as {
      grant?: Grant;
      record?: AuthorizationCode;
      by?: { accessScope?: Scope };
    };
    const written = [grant?.scope, grant?.accessScope, record?.scope, by?.accessScope]
      .filter((scope) => scope !== undefined)
      .map((scope) => ({ scope, within }));
    // What was granted before is the bound from now on; a refresh is bound by what is on offer as well.
    if (event.event === 'codeRedeemed') within = (event as unknown as { record: AuthorizationCode }).record.scope;
    if (event.event === 'refreshTokenFound') {
      const { scope } = (event as unknown as { grant: Grant }).grant;
      within = issuer.scopes === undefined ? scope : scope.filter((token) => issuer.scopes!.includes(token));
    }
    return written;
  });
}

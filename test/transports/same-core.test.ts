/** One table, every transport, both profiles: a transport parses and prints, and the core alone decides. */
import { expect } from 'chai';
import { memoryStore, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { grpc } from './grpc.ts';
import { koa } from './koa.ts';
import { scenarios, type World } from './scenarios.ts';
import { ws } from './ws.ts';

for (const transport of [koa, grpc, ws]) {
  for (const profile of ['rfc9700', 'kong'] as const) {
    describe(`${transport.name}, profile ${profile}`, () => {
      const gate = testGate({ profile, audience: 'orders', scopes: ['read', 'write'], realm: 'orders' });
      let world: World;
      before(async () => {
        world = await transport.open(gate, (error) => expect.fail(String(error)));
      });
      after(() => world.close());

      for (const { title, present, outcome, error } of scenarios) {
        it(title, async () => {
          const authorization = await present(gate);
          const before = world.handled;
          const answer = await world.call(authorization);
          expect(answer).to.include({ outcome });
          expect(world.handled - before, 'calls of the handler').to.equal(outcome === 'passed' ? 1 : 0);
          if (outcome === 'passed') {
            expect(answer.subject).to.equal('alice');
            return;
          }
          // "the resource server MUST include the HTTP "WWW-Authenticate" response header field" (RFC 6750 §3)
          expect(answer.challenge, 'RS-05').to.match(/^Bearer realm="orders"/);
          if (error === 'none') expect(answer.challenge).not.to.include('error');
          else expect(answer.challenge).to.include(`error="${error}"`);
          if (error === 'insufficient_scope') expect(answer.challenge).to.include('scope="read"');
          expect(answer.message)
            .to.be.a('string')
            .and.match(/^The access token /);
        });
      }
    });
  }

  describe(`${transport.name}, when the store cannot be asked`, () => {
    let world: World;
    const store = memoryStore();
    const gate = testGate({
      store: {
        ...store,
        grants: { ...store.grants, byAccessToken: () => Promise.reject(new Unavailable('the disk is gone')) },
      },
      scopes: ['read'],
    });
    const heard: unknown[] = [];
    before(async () => {
      world = await transport.open(gate, (error) => heard.push(error));
    });
    after(() => world.close());

    it('RS-22: nobody passes, the caller is told to try again, and the server is told why', async () => {
      const answer = await world.call(`Bearer ${await tokenFor(gate, { scopes: ['read'] })}`);
      expect(answer).to.include({ outcome: 'unavailable' });
      expect(answer.message).not.to.include('disk');
      expect(world.handled).to.equal(0);
      expect(heard).to.have.length(1).and.to.have.nested.property('[0]').instanceOf(Unavailable);
    });
  });
}

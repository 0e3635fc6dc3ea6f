/** One table, every transport, both profiles: a transport parses and prints, and only the core decides. */
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
          const result = await world.call(authorization);
          expect(result).to.include({ outcome });
          expect(world.handled - before, 'calls of the handler').to.equal(outcome === 'passed' ? 1 : 0);
          if (outcome === 'passed') {
            expect(result.subject).to.equal('alice');
            return;
          }
          // "the resource server MUST include the HTTP "WWW-Authenticate" response header field" (RFC 6750 §3)
          expect(result.challenge, 'RS-05').to.match(/^Bearer realm="orders"/);
          if (error === 'none') expect(result.challenge).not.to.include('error');
          else expect(result.challenge).to.include(`error="${error}"`);
          if (error === 'insufficient_scope') expect(result.challenge).to.include('scope="read"');
          expect(result.message)
            .to.be.a('string')
            .and.match(/^The access token /);
        });
      }
    });
  }

  describe(`${transport.name}, when the store cannot be reached`, () => {
    let world: World;
    const store = memoryStore();
    const gate = testGate({
      store: {
        ...store,
        grants: { ...store.grants, byAccessToken: () => Promise.reject(new Unavailable('the disk is gone')) },
      },
      scopes: ['read'],
    });
    const errors: unknown[] = [];
    before(async () => {
      world = await transport.open(gate, (error) => errors.push(error));
    });
    after(() => world.close());

    it('RS-22: no request is admitted, the client gets an error to retry, and the server gets the cause', async () => {
      const result = await world.call(`Bearer ${await tokenFor(gate, { scopes: ['read'] })}`);
      expect(result).to.include({ outcome: 'unavailable' });
      expect(result.message).not.to.include('disk');
      expect(world.handled).to.equal(0);
      expect(errors).to.have.length(1).and.to.have.nested.property('[0]').instanceOf(Unavailable);
    });
  });
}

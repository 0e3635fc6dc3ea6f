import { expect } from 'chai';
import { InvalidOption } from '../../adapters/library/portcullis.ts';
import { handClock, testGate, tokenFor } from '../../adapters/testing/testing.ts';

describe('portcullis/testing', () => {
  it('has a clock that changes only when the test says so', () => {
    const clock = handClock(1_000);
    expect(clock.now()).to.equal(1_000);
    clock.pass(1.5);
    expect(clock.now()).to.equal(2_500);
    clock.turn(0);
    expect(clock.now()).to.equal(0);
  });

  it('makes a token in one line, for any subject and client', async () => {
    const gate = testGate({ clients: [{ clientId: 'printer', clientSecret: 's3cret', owner: 'ada' }] });
    const token = await tokenFor(gate, {
      client: 'printer',
      subject: 'alice',
      scopes: ['read'],
      audience: 'billing',
      expiresIn: 5,
    });
    const outcome = await gate.check(token, { scopes: ['read'], audience: 'billing' });
    if (outcome.state !== 'admitted') throw new Error(outcome.description);
    const { grant, client, consumer } = outcome.bearer;
    expect(grant).to.include({ subject: 'alice', boundTo: 'service:billing', expiresAt: gate.clock.now() + 5_000 });
    expect(client).to.include({ clientId: 'printer', type: 'confidential' });
    expect(consumer).to.include({ username: 'ada' });
  });

  it('makes tokens that have already expired', async () => {
    const gate = testGate();
    expect(await gate.check(await tokenFor(gate, { expiresIn: 0 }))).to.include({
      state: 'denied',
      error: 'invalid_token',
    });
  });

  it('says what is wrong with a token that cannot be made', async () => {
    const gate = testGate();
    const failure = (made: object) => tokenFor(gate, made).catch((error: unknown) => error);
    expect(await failure({ client: 'unknown' }))
      .to.have.property('message')
      .that.includes('unknown');
    expect(await failure({ scope: ['read'] }))
      .to.be.instanceOf(InvalidOption)
      .with.property('message')
      .that.includes('scopes?');
  });
});

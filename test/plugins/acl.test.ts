import { expect } from 'chai';
import { call, compiled, pluginWorld, refusedSettings } from './world.ts';

function grouped(config: { readonly [name: string]: boolean | string[] }) {
  const world = pluginWorld();
  const alice = world.insert('consumers', { username: 'alice' });
  world.insert('acls', { consumer: { id: alice.id }, group: 'gold' });
  world.insert('acls', { consumer: { id: alice.id }, group: 'early' });
  const bob = world.insert('consumers', { username: 'bob' });
  const hooks = [compiled('acl', config, world)];
  const as = async (id: string | undefined, headers = {}) => {
    const consumer = id === undefined ? undefined : { id, username: undefined, customId: undefined };
    const identity = { consumer, anonymous: false, credential: undefined };
    return call(hooks, 'GET /a', { headers, peerTrusted: true, identity: id === undefined ? undefined : identity });
  };
  return { world, alice, bob, as };
}

describe('acl', () => {
  it('lets groups pass that are allowed, and tells the upstream all groups of the consumer', async () => {
    const { as, alice } = grouped({ allow: ['gold'] });
    const { upstream, answer } = await as(alice.id);
    expect(answer).to.equal(undefined);
    expect(upstream.headers['x-consumer-groups']).to.equal('gold, early');
  });

  it('lets nobody else pass', async () => {
    const { as, bob } = grouped({ allow: ['gold'] });
    const { answer } = await as(bob.id);
    expect(answer?.status).to.equal(403);
    expect(answer?.body).to.contain('"You cannot consume this service"');
  });

  it('lets everybody pass but the groups that are denied', async () => {
    const { as, alice, bob } = grouped({ deny: ['early'] });
    expect((await as(alice.id)).answer?.status).to.equal(403);
    const { upstream, answer } = await as(bob.id);
    expect(answer).to.equal(undefined);
    expect(upstream.headers).to.not.have.property('x-consumer-groups');
  });

  it('asks who calls where nobody has said so', async () => {
    const { as } = grouped({ allow: ['gold'] });
    expect((await as(undefined)).answer?.status).to.equal(401);
  });

  it('never passes on groups that a client claims, in any spelling', async () => {
    const { as, alice } = grouped({ allow: ['gold'], hide_groups_header: true });
    const { upstream } = await as(alice.id, { 'x-consumer-groups': 'admin', X_Consumer_Groups: 'admin' });
    expect(Object.values(upstream.headers)).to.not.include('admin');
  });

  it('hears of a new group on the next request', async () => {
    const { as, bob, world } = grouped({ allow: ['gold'] });
    expect((await as(bob.id)).answer?.status).to.equal(403);
    world.insert('acls', { consumer: { id: bob.id }, group: 'gold' });
    expect((await as(bob.id)).answer).to.equal(undefined);
  });

  it('takes either allow or deny', () => {
    expect(refusedSettings('acl', {})).to.have.property('@entity');
    expect(refusedSettings('acl', { allow: ['a'], deny: ['b'] })).to.have.property('@entity');
  });
});

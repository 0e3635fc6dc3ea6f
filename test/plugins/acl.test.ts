import { expect } from 'chai';
import { call, compiled, pluginWorld, refusedSettings } from './world.ts';

function grouped(config: { readonly [name: string]: boolean | string[] }) {
  const world = pluginWorld();
  const alice = world.insert('consumers', { username: 'alice' });
  world.insert('acls', { consumer: { id: alice.id }, group: 'gold' });
  world.insert('acls', { consumer: { id: alice.id }, group: 'early' });
  const bob = world.insert('consumers', { username: 'bob' });
  const hooks = [compiled('acl', config, world)];
  const as = async (id: string | undefined, headers = {}, anonymous = false) => {
    const consumer = id === undefined ? undefined : { id, username: undefined, customId: undefined };
    const identity = { consumer, anonymous, credential: undefined };
    return call(hooks, 'GET /a', { headers, peerTrusted: true, identity: id === undefined ? undefined : identity });
  };
  return { world, alice, bob, as };
}

describe('acl', () => {
  it('allows the listed groups, and sends all groups of the consumer upstream', async () => {
    const { as, alice } = grouped({ allow: ['gold'] });
    const { upstream, response } = await as(alice.id);
    expect(response).to.equal(undefined);
    expect(upstream.headers['x-consumer-groups']).to.equal('gold, early');
  });

  it('denies all other callers', async () => {
    const { as, bob } = grouped({ allow: ['gold'] });
    const { response } = await as(bob.id);
    expect(response?.status).to.equal(403);
    expect(response?.body).to.contain('"You cannot consume this service"');
  });

  it('denies the listed groups and allows all others', async () => {
    const { as, alice, bob } = grouped({ deny: ['early'] });
    expect((await as(alice.id)).response?.status).to.equal(403);
    const { upstream, response } = await as(bob.id);
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.not.have.property('x-consumer-groups');
  });

  it('responds 401 if no plugin authenticated the caller', async () => {
    const { as } = grouped({ allow: ['gold'] });
    expect((await as(undefined)).response?.status).to.equal(401);
  });

  it('responds 401 to an anonymous consumer without groups, and 403 to one whose groups are not allowed', async () => {
    const { as, bob, alice } = grouped({ allow: ['silver'] });
    expect((await as(bob.id, {}, true)).response?.status).to.equal(401);
    expect((await as(alice.id, {}, true)).response?.status).to.equal(403);
    expect((await as(bob.id, {}, false)).response?.status).to.equal(403);
    const { as: open, bob: other } = grouped({ deny: ['early'] });
    expect((await open(other.id, {}, true)).response).to.equal(undefined);
  });

  it('removes group headers of a client, in any spelling', async () => {
    const { as, alice } = grouped({ allow: ['gold'], hide_groups_header: true });
    const { upstream } = await as(alice.id, { 'x-consumer-groups': 'admin', X_Consumer_Groups: 'admin' });
    expect(Object.values(upstream.headers)).to.not.include('admin');
  });

  it('applies a new group on the next request', async () => {
    const { as, bob, world } = grouped({ allow: ['gold'] });
    expect((await as(bob.id)).response?.status).to.equal(403);
    world.insert('acls', { consumer: { id: bob.id }, group: 'gold' });
    expect((await as(bob.id)).response).to.equal(undefined);
  });

  it('accepts either allow or deny', () => {
    expect(refusedSettings('acl', {})).to.have.property('@entity');
    expect(refusedSettings('acl', { allow: ['a'], deny: ['b'] })).to.have.property('@entity');
  });
});

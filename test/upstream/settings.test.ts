/** The settings of the pool, through a whole gate. */
import { expect } from 'chai';
import { openTestGate } from '../support/open-test-gate.ts';
import { closeLater, closesEverything, ok, scriptedUpstream } from '../support/scripted-upstream.ts';

describe('The settings of upstream connections', () => {
  closesEverything();

  /** How many connections five calls use, and whether the last one is kept. */
  async function connectionsOf(settings: Record<string, string>): Promise<number> {
    const upstream = await scriptedUpstream(ok);
    const gate = await openTestGate(settings);
    closeLater(() => gate.close());
    await gate.setUp('POST', '/services', { name: 'counted', url: `http://127.0.0.1:${upstream.port}` });
    await gate.setUp('POST', '/services/counted/routes', { paths: ['/counted'] });
    for (let i = 0; i < 5; i++) expect((await fetch(`${gate.proxy}/counted`)).status).to.equal(200);
    return upstream.sockets.length;
  }

  it('by default one connection serves them all', async () => {
    expect(await connectionsOf({})).to.equal(1);
  });

  it('upstream_keepalive_pool_size: with 0 each request uses a new connection', async () => {
    expect(await connectionsOf({ PORTCULLIS_UPSTREAM_KEEPALIVE_POOL_SIZE: '0' })).to.equal(5);
  });

  it('upstream_keepalive_max_requests: a connection serves so many', async () => {
    expect(await connectionsOf({ KONG_UPSTREAM_KEEPALIVE_MAX_REQUESTS: '2' })).to.equal(3);
  });

  it('upstream_keepalive_idle_timeout: the gate closes a connection that is idle for so long', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openTestGate({ PORTCULLIS_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT: '1' });
    closeLater(() => gate.close());
    await gate.setUp('POST', '/services', { name: 'idle', url: `http://127.0.0.1:${upstream.port}` });
    await gate.setUp('POST', '/services/idle/routes', { paths: ['/idle'] });
    expect((await fetch(`${gate.proxy}/idle`)).status).to.equal(200);
    await new Promise((resolve) => upstream.sockets[0]!.once('end', resolve));
  });
});

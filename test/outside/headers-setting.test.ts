import { expect } from 'chai';
import { openTestGate } from '../support/open-test-gate.ts';

describe('KONG_HEADERS', () => {
  it('off: neither listener adds a field, and the root of the Admin API shows the settings', async () => {
    const gate = await openTestGate({ KONG_HEADERS: 'off', KONG_TRUSTED_IPS: '10.0.0.0/8' });
    try {
      const none = await gate.get('/nothing');
      expect(none.status).to.equal(404);
      const root = await fetch(`${gate.admin}/`);
      for (const headers of [none.headers, root.headers]) {
        const added = [...headers.keys()].filter((name) => /^(?:server|via|x-kong-)/.test(name));
        expect(added).to.deep.equal([]);
      }
      const { configuration } = (await root.json()) as { configuration: Record<string, unknown> };
      expect(configuration).to.deep.include({ headers: [], trusted_ips: ['10.0.0.0/8'], proxy_ssl_enabled: true });
      expect(configuration['admin_listeners']).to.have.length(1);
      expect(configuration['proxy_listeners']).to.have.length(2);
    } finally {
      await gate.close();
    }
  });
});

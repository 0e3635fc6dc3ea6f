/** SE-14, asked of a whole gate: the clock of the machine is set back while the gate is stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import { openTestGate } from '../support/open-test-gate.ts';

const key = 'ab'.repeat(32);
const hour = 60 * 60 * 1000;
const ids = {
  consumer: '00000000-0000-4000-8000-000000000001',
  client: '00000000-0000-4000-8000-000000000002',
  service: '00000000-0000-4000-8000-000000000003',
};

/** Seconds by which the store saw a later time than the clock of this machine tells now. */
async function afterStepBack(seconds: number) {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-clock-'));
  const now = Date.now();
  const store = openLmdbStore({
    directory: join(directory, 'store'),
    vault: openVault({ current: Buffer.from(key, 'hex') }),
    clock: { now: () => now + seconds * 1000 },
  });
  await store.sweep();
  await store.close();
  const gate = await openTestGate({ PORTCULLIS_STORE: `lmdb:${join(directory, 'store')}`, PORTCULLIS_KEY: key });
  const close = async () => {
    await gate.close();
    rmSync(directory, { recursive: true, force: true });
  };
  await gate.setUp('PUT', `/services/${ids.service}`, { name: 'orders', url: gate.upstream });
  await gate.setUp('POST', '/services/orders/routes', { paths: ['/orders'] });
  await gate.setUp('POST', '/services/orders/plugins', { name: 'oauth2', config: { enable_client_credentials: true } });
  await gate.setUp('PUT', `/consumers/${ids.consumer}`, { username: 'ada' });
  await gate.setUp('PUT', `/consumers/ada/oauth2/${ids.client}`, { name: 'printer', client_id: 'printer' });
  /** The response to a call with a token that was issued an hour ago with this lifetime. */
  const withToken = async (access_token: string, expires_in: number) => {
    await gate.setUp('POST', '/oauth2_tokens', {
      access_token,
      refresh_token: `refresh-${access_token}`,
      expires_in,
      created_at: Math.floor(now / 1000) - 3600,
      credential: { id: ids.client },
      service: { id: ids.service },
    });
    return (await gate.get('/orders', access_token)).status;
  };
  return { gate, withToken, close };
}

describe('A gate whose system clock was set back while it was stopped', () => {
  it('SE-14: does not make an expired access token valid again, and logs the step', async () => {
    const { gate, withToken, close } = await afterStepBack(hour / 1000);
    try {
      expect(await withToken('expired-by-the-store', 3600 + 1800)).to.equal(401);
      expect(await withToken('valid-by-both', 3600 + 7200)).to.equal(200);
      expect(gate.log.filter((line) => line.includes('tokens expire by the time of the store'))).to.have.length(1);
    } finally {
      await close();
    }
  });

  it('follows a step of more than a day, and says so', async () => {
    const { gate, withToken, close } = await afterStepBack((48 * hour) / 1000);
    try {
      expect(await withToken('valid-by-the-machine', 3600 + 1800)).to.equal(200);
      expect(gate.log.filter((line) => line.includes('expired tokens may be valid again'))).to.have.length(1);
    } finally {
      await close();
    }
  });
});

/** A client of the driver that never recovers, although the database is reachable. */
import { expect } from 'chai';
import { MongoClient } from 'mongodb';
import { openVault } from '../../adapters/crypto/vault.ts';
import { openMongoStore } from '../../adapters/store-mongodb/store.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { layCable } from '../support/cable.ts';
import { soon } from '../support/gate-requests.ts';
import { cleanUp, newDatabase, testKey } from './database.ts';

describe('When the driver receives no response any more', () => {
  after(cleanUp);

  it('the store replaces its client after some time, and the ports use the new one', async () => {
    const url = await newDatabase();
    const cable = await layCable(url);
    const urls = [cable.url, url];
    let opened = 0;
    const store = await openMongoStore({
      url,
      vault: openVault({ current: testKey }),
      clock: { now: () => Date.now() },
      timeout: 300,
      pool: 5,
      openClient: (_url, options) => new MongoClient(urls[Math.min(opened++, 1)]!, options),
    });
    const query = async () => store.grants.get('none');
    const hasResponded = () =>
      query().then(
        () => true,
        () => false,
      );
    try {
      expect(await query()).to.equal(undefined);
      cable.cut();
      expect(await query().catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
      expect(opened, 'not at the first failure').to.equal(1);
      await soon(hasResponded, 15);
      expect(opened).to.equal(2);
      expect(await store.grants.byAccessToken('none')).to.equal(undefined);
    } finally {
      await store.close();
      cable.close();
    }
  });
});

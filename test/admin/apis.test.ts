import { expect } from 'chai';
import { describeEntities } from '../../src/entities/entities.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';
import { gate, uuid } from './gate.ts';

describe('The Admin API before Kong 0.13: /apis', () => {
  it('lists all of them, also where the services have several pages', async () => {
    const admin = await gate();
    try {
      const services = kindOf(describeEntities(pluginDescriptions).get('services')!);
      for (let n = 1; n <= 1001; n++) {
        await admin.options.store.insert(services, { id: uuid(n), name: `s${n}`, host: 'h', tags: ['apis'] });
      }
      await admin.options.store.insert(services, { id: uuid(2000), name: 'other', host: 'h', tags: null });
      const { body } = await admin.call('GET /apis');
      expect([body.total, body.data.length]).to.deep.equal([1001, 1001]);
    } finally {
      await admin.close();
    }
  });
});

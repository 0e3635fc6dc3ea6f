import { expect } from 'chai';
import { namedId } from '../../src/declarative/named-id.ts';

describe('An id that is derived from a name', () => {
  it('is the one that Kong and decK give to an entity of that name (UUID version 5)', () => {
    // uuid5(uuid5('fd02801f-0957-4a15-a55a-c8d9606f30b5', kind), name), computed with another library
    expect(namedId('services', 'demo-api')).to.equal('f7547768-255f-530f-aed2-68bc0c7c5e02');
    expect(namedId('consumers', 'bob')).to.equal('def4f7d3-9863-5ad2-8fa9-c949bf26f55e');
  });

  it('differs by kind', () => {
    expect(namedId('services', 'a')).not.to.equal(namedId('routes', 'a'));
  });
});

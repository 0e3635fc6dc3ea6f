import { expect } from 'chai';
import { type Gate, gate, uuid } from './gate.ts';

describe('The Admin API: lists', () => {
  let admin: Gate;
  before(async () => {
    admin = await gate();
    for (const n of [1, 2, 3, 4, 5]) {
      const tags = ['all', ...(n % 2 === 1 ? ['odd'] : []), ...(n === 3 ? ['three', 'a b'] : [])];
      await admin.call(`PUT /services/${uuid(n)}`, { name: `s${n}`, host: 'h', tags });
      await admin.call(`PUT /services/${uuid(1)}/routes/${uuid(16 + n)}`, {
        name: `r${n}`,
        paths: ['/r'],
        tags: ['t'],
      });
    }
    await admin.call('PUT /consumers/bob', { custom_id: 'c1', tags: ['odd'] });
  });
  after(() => admin.close());
  const names = async (path: string): Promise<string[]> =>
    (await admin.call(`GET ${path}`)).body.data.map((row: { name: string }) => row.name);

  it('are in the order of their ids', async () => {
    expect(await names('/services')).to.deep.equal(['s1', 's2', 's3', 's4', 's5']);
    expect((await admin.call('GET /services')).body.next).to.equal(null);
  });

  it('continue after the last row, whatever is written in between', async () => {
    const first = (await admin.call('GET /services?size=2')).body;
    expect(first.next).to.equal(`/services?offset=${encodeURIComponent(first.offset)}&size=2`);
    await admin.call(`PUT /services/${uuid(0)}`, { name: 'earlier', host: 'h' });
    const second = (await admin.call(`GET ${first.next}`)).body;
    expect(second.data.map(({ name }: { name: string }) => name)).to.deep.equal(['s3', 's4']);
    const last = (await admin.call(`GET ${second.next}`)).body;
    expect(last).to.deep.include({ next: null }).and.not.have.property('offset');
    await admin.call('DELETE /services/earlier');
  });

  it('keep size and tags in the address of the next page of top-level lists only', async () => {
    const top = (await admin.call('GET /services?size=1&tags=odd')).body;
    expect(top.next).to.equal(`/services?offset=${encodeURIComponent(top.offset)}&tags=odd&size=1`);
    const nested = (await admin.call('GET /services/s1/routes?size=2&tags=t')).body;
    expect(nested.next).to.equal(`/services/s1/routes?offset=${encodeURIComponent(nested.offset)}`);
    expect(await names(nested.next)).to.deep.equal(['r3', 'r4', 'r5']);
  });

  it('are filtered by tags: all of them, or any', async () => {
    expect(await names('/services?tags=odd')).to.deep.equal(['s1', 's3', 's5']);
    expect(await names('/services?tags=odd,three')).to.deep.equal(['s3']);
    expect(await names('/services?tags=three/odd')).to.deep.equal(['s1', 's3', 's5']);
    expect(await names('/services?tags=none')).to.deep.equal([]);
    expect(await names('/services?tags=a%20b')).to.deep.equal(['s3']);
    expect(await names('/services?tags=none&tags=odd')).to.deep.equal([]);
  });

  const refused: readonly (readonly [query: string, code: number, message: string])[] = [
    ['size=0', 9, 'size must be an integer between 1 and 1000'],
    ['size=1001', 9, 'size must be an integer between 1 and 1000'],
    ['size=1.5', 9, 'size must be an integer between 1 and 1000'],
    ['size=x', 9, 'size must be a number'],
    ['size=', 9, 'size must be a number'],
    ['size=1&size=2', 9, 'size must be a number'],
    ['offset=x', 7, "'x' is not a valid offset: bad base64 encoding"],
    ['offset=', 7, "'' is not a valid offset: bad json encoding"],
    ['offset=InsneF0i', 7, "'InsneF0i' is not a valid offset: not a position in this list"],
    ['tags=', 11, 'invalid option (tags: cannot be null)'],
    ['tags=a,b/c', 11, 'invalid option (tags: invalid filter syntax)'],
    ['tags=a,,b', 11, 'invalid option (tags: invalid filter syntax)'],
    ['tags=a,b,c,d,e,f', 11, 'invalid option (tags: cannot query more than 5 tags)'],
  ];
  for (const [query, code, message] of refused) {
    it(`refuse ?${query}`, async () => {
      const { status, body } = await admin.call(`GET /services?${query}`);
      expect([status, body.code, body.message]).to.deep.equal([400, code, message]);
    });
  }

  it('ignore other parameters of the query', async () => {
    expect(await names('/services?name=s1&nope=1')).to.have.length(5);
  });

  it('of consumers are filtered by custom_id', async () => {
    const { body } = await admin.call('GET /consumers?custom_id=c1');
    expect(body.data).to.have.length(1);
    expect((await admin.call('GET /consumers?custom_id=x')).body.data).to.deep.equal([]);
    const empty = await admin.call('GET /consumers?custom_id=');
    expect([empty.status, empty.body]).to.deep.equal([400, { message: 'custom_id must be an unempty string' }]);
  });

  it('of tags name the entities with each tag', async () => {
    const { data, next } = (await admin.call('GET /tags/odd')).body;
    expect(next).to.equal(null);
    expect(data).to.have.length(4);
    expect(data[0]).to.deep.equal({ entity_name: 'services', entity_id: uuid(1), tag: 'odd' });
    expect(data[3]).to.deep.include({ entity_name: 'consumers' });
  });

  it('of tags have pages of any size', async () => {
    const everything = (await admin.call('GET /tags')).body.data;
    expect(everything).to.have.length(5 + 3 + 2 + 5 + 1);
    for (const size of [1, 2, 3, 16]) {
      const collected: unknown[] = [];
      let next: string | null = `/tags?size=${size}`;
      while (next !== null) {
        const { body } = await admin.call(`GET ${next}`);
        expect(body.data).to.have.length(Math.min(size, everything.length - collected.length));
        collected.push(...body.data);
        next = body.next;
      }
      expect(collected, `pages of ${size}`).to.deep.equal(everything);
    }
  });

  it('of tags refuse an invalid tag', async () => {
    const { status, body } = await admin.call('GET /tags/a%2Cb');
    expect([status, body.code, body.name]).to.deep.equal([400, 10, 'invalid unique tag']);
  });
});

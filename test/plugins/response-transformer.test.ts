import { expect } from 'chai';
import type { JsonObject } from '../../src/schema/description.ts';
import { type Call, call, compiled, pluginWorld, refusedSettings } from './world.ts';

const transformed = async (config: JsonObject, fromUpstream: Call['fromUpstream'] = {}) =>
  call([compiled('response-transformer', config, pluginWorld())], 'GET /a', { fromUpstream });
const json = (body: string, type = 'application/json'): Call['fromUpstream'] => ({
  headers: { 'Content-Type': type },
  body,
});

describe('response-transformer', () => {
  for (const [config, sent, expected] of [
    [{ remove: { headers: ['x-a'] } }, { 'X-A': '1', 'X-B': '2' }, { 'x-b': '2' }],
    [{ rename: { headers: ['x-a:x-b'] } }, { 'X-A': '1' }, { 'x-b': '1' }],
    [{ replace: { headers: ['x-a:new', 'x-b:new'] } }, { 'X-A': '1' }, { 'x-a': 'new' }],
    [{ add: { headers: ['x-a:new', 'x-b:new'] } }, { 'X-A': '1' }, { 'x-a': '1', 'x-b': 'new' }],
    [{ append: { headers: ['x-a:2'] } }, { 'X-A': '1' }, { 'x-a': '1, 2' }],
  ] as const) {
    it(`${JSON.stringify(config)} makes headers ${JSON.stringify(expected)} of ${JSON.stringify(sent)}`, async () => {
      const { headers } = await transformed(config as unknown as JsonObject, { headers: sent });
      expect(headers).to.deep.equal(expected);
    });
  }

  it('keeps the text of members that are not edited, and of numbers in its settings', async () => {
    const config = { add: { json: ['big:98765432109876543210', 'odd:0x10'], json_types: ['number', 'number'] } };
    const { body } = await transformed(config as unknown as JsonObject, json('{"n":12345678901234567890,"f":1.0}'));
    expect(body).to.equal('{"n":12345678901234567890,"f":1.0,"big":98765432109876543210,"odd":16}');
  });

  const all = {
    remove: { json: ['gone'] },
    rename: { json: ['old:new'] },
    replace: { json: ['there:7', 'not-there:7'], json_types: ['number', 'number'] },
    add: { json: ['there:x', 'added:false', 'text:1'], json_types: ['string', 'boolean'] },
    append: { json: ['list:2', 'alone:1'], json_types: ['number', 'number'] },
  };

  it('changes the members of a JSON object, with values of the configured types', async () => {
    const sent = '{"gone":1,"old":{"a":[1]},"there":1,"list":[1],"keep":null}';
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/problem+json']) {
      const { body } = await transformed(all, json(sent, type));
      expect(JSON.parse(body)).to.deep.equal({
        new: { a: [1] },
        there: 7,
        list: [1, 2],
        keep: null,
        added: false,
        text: '1',
        alone: [1],
      });
    }
  });

  for (const [what, fromUpstream] of [
    ['that is no JSON by its type', json('{"gone":1}', 'text/plain')],
    ['that is no JSON', json('{"gone":')],
    ['that is no object', json('[{"gone":1}]')],
    [
      'that is compressed',
      { headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }, body: '{"gone":1}' },
    ],
  ] as const) {
    it(`keeps a body ${what}`, async () => {
      expect((await transformed(all, fromUpstream)).body).to.equal(fromUpstream?.body);
    });
  }

  it('asks the upstream for uncompressed bodies only if it changes them', async () => {
    expect((await transformed(all)).upstream.headers['accept-encoding']).to.equal('identity');
    const { upstream } = await transformed({ remove: { headers: ['x-a'] } });
    expect(upstream.headers).to.not.have.property('accept-encoding');
  });

  it('refuses entries without a value or with a value of another type', () => {
    for (const [wrong, where] of [
      [{ add: { json: ['a'] } }, 'config.add.json'],
      [{ add: { json: ['a:x'], json_types: ['number'] } }, 'config.add.json'],
      [{ add: { json: ['a:1'], json_types: ['date'] } }, 'config.add.json_types'],
      [{ add: { headers: ['Content-Length:1'] } }, 'config.add.headers'],
    ] as const) {
      expect(refusedSettings('response-transformer', wrong as unknown as JsonObject)).to.have.nested.property(where);
    }
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { Description, JsonObject } from '../../src/schema/description.ts';
import { coerced, type FormPair, formTree } from '../../src/schema/form.ts';

const pairs = (text: string): FormPair[] =>
  text.split('&').map((part) => {
    const [name, ...value] = part.split('=');
    return [name!, value.length === 0 ? true : value.join('=')];
  });
const tree = (text: string): unknown => JSON.parse(JSON.stringify(formTree(pairs(text))));

describe('The names of a form', () => {
  const cases: readonly (readonly [form: string, tree: unknown])[] = [
    ['a=x', { a: 'x' }],
    ['a=1&a=2', { a: ['1', '2'] }],
    ['a[]=1', { a: ['1'] }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[2]=2&a[1]=1', { a: ['1', '2'] }],
    ['a=1&a[]=2', { a: ['1', '2'] }],
    ['a[]=1&a=2', { a: ['1', '2'] }],
    ['a[b]=1', { a: { b: '1' } }],
    ['config.scopes=a&config.pkce=lax', { config: { scopes: 'a', pkce: 'lax' } }],
    ['config[pkce]=lax', { config: { pkce: 'lax' } }],
    ['config.scopes[]=a&config.scopes[]=b', { config: { scopes: ['a', 'b'] } }],
    ['sources[1].ip=1.2.3.4&sources[2].port=5', { sources: [{ ip: '1.2.3.4' }, { port: '5' }] }],
    ['a..b=1', { a: { b: '1' } }],
    ['.a=1', { a: '1' }],
    ['.=1', { '.': '1' }],
    ['a', { a: true }],
    ['a=b=c', { a: 'b=c' }],
    ['a.b=1&a=2', { a: { '1': '2', b: '1' } }],
  ];
  for (const [form, expected] of cases) {
    it(form, () => expect(tree(form)).to.deep.equal(expected));
  }

  it('SE-06: of any kind make a tree, and none of them reaches a prototype', () => {
    const hostile = fc.constantFrom(
      '__proto__',
      'constructor',
      'a',
      '[',
      ']',
      '[]',
      '[1]',
      '[__proto__]',
      '.',
      '..',
      '',
    );
    const name = fc.oneof(
      fc.array(hostile, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string()), { maxLength: 12 }), (list) => {
        const made = formTree(list);
        expect(JSON.parse(JSON.stringify(made))).to.be.an(Array.isArray(made) ? 'array' : 'object');
        expect(Object.getOwnPropertyNames(Object.prototype)).not.to.include('polluted');
      }),
    );
    formTree([
      ['__proto__.polluted', 'x'],
      ['constructor[prototype][polluted]', 'x'],
    ]);
    expect(({} as { polluted?: string }).polluted).to.equal(undefined);
  });
});

describe('The values of a form', () => {
  const owners: Description = { name: 'owners', fields: { age: { type: 'integer' } } };
  const description: Description = {
    name: 'things',
    fields: {
      text: { type: 'string' },
      whole: { type: 'integer' },
      number: { type: 'number' },
      on: { type: 'boolean' },
      list: { type: 'array', elements: { type: 'integer' } },
      cut: { type: 'array', elements: { type: 'string' }, formSeparator: ',' },
      tags: { type: 'set', elements: { type: 'string' } },
      headers: { type: 'map', keys: { type: 'string' }, values: { type: 'array', elements: { type: 'string' } } },
      owner: { type: 'foreign', reference: 'owners' },
      config: { type: 'record', fields: { on: { type: 'boolean' } }, aliases: { enabled: { of: 'on' } } },
    },
    shorthands: { url: { field: { type: 'string' }, expand: () => ({}) } },
    aliases: { words: { of: 'cut', oneOfMany: true } },
  };
  const read = (text: string, coercion?: 'whole' | 'scalars'): JsonObject =>
    coerced(description, formTree(pairs(text)), (kind) => (kind === 'owners' ? owners : undefined), coercion);

  const cases: readonly (readonly [form: string, row: unknown])[] = [
    ['text=007', { text: '007' }],
    ['text=true', { text: 'true' }],
    ['text=', { text: null }],
    ['url=', { url: null }],
    ['text', { text: true }],
    ['whole=80', { whole: 80 }],
    ['whole=80.0', { whole: 80 }],
    ['whole=0x10', { whole: 16 }],
    ['whole=abc', { whole: 'abc' }],
    ['number=1e2', { number: 100 }],
    ['number=-.5', { number: -0.5 }],
    ['on=true', { on: true }],
    ['on=false', { on: false }],
    ['on=TRUE', { on: 'TRUE' }],
    ['on=1', { on: '1' }],
    ['on=on', { on: 'on' }],
    ['list=1', { list: [1] }],
    ['list=', { list: null }],
    ['list=1&list=x', { list: [1, 'x'] }],
    ['tags=a,b', { tags: ['a,b'] }],
    ['tags[a]=1', { tags: { a: '1' } }],
    ['cut=a,b', { cut: ['a', 'b'] }],
    ['cut=a, b,', { cut: ['a', 'b'] }],
    ['cut[]=a,b', { cut: ['a,b'] }],
    ['cut=a,b&cut=c', { cut: ['a,b', 'c'] }],
    ['words=a,b', { words: ['a', 'b'] }],
    ['headers.x-a=1', { headers: { 'x-a': ['1'] } }],
    ['owner.age=5', { owner: { age: 5 } }],
    ['config.on=true', { config: { on: true } }],
    ['config.enabled=true', { config: { enabled: true } }],
    ['config=x', { config: 'x' }],
    ['nope=1', { nope: '1' }],
  ];
  for (const [form, row] of cases) {
    it(form, () => expect(JSON.parse(JSON.stringify(read(form)))).to.deep.equal(row));
  }

  it('make no lists if only scalars are read', () => {
    expect(read('cut=a,b&on=true&list[]=1', 'scalars')).to.deep.equal({ cut: 'a,b', on: true, list: [1] });
  });
});

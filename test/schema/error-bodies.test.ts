import { expect } from 'chai';
import type { Fields } from '../../src/schema/description.ts';
import {
  danglingReference,
  notFoundBy,
  primaryKeyViolation,
  referencesUnresolved,
  schemaViolation,
  uniqueViolation,
  valuesOf,
} from '../../src/schema/error-bodies.ts';
import { luaNumber, luaText } from '../../src/schema/lua.ts';

describe('The message of a schema violation', () => {
  it('counts them, those of the entity first, then the fields by name', () => {
    const fields = { b: 'second', '@entity': ['of the entity'], a: 'first' };
    expect(schemaViolation(fields)).to.deep.equal({
      code: 2,
      name: 'schema violation',
      message: '3 schema violations (of the entity; a: first; b: second)',
      fields,
    });
    expect(schemaViolation({ a: 'x' }).message).to.equal('schema violation (a: x)');
  });

  it('names the place of an element, counted from 1', () => {
    expect(schemaViolation({ paths: [null, 'expected a string'] }).message).to.equal(
      'schema violation (paths.2: expected a string)',
    );
  });

  it('SE-09: counts as many as a body can have', () => {
    const { message } = schemaViolation({ paths: Array<string>(450_000).fill('expected a string') });
    expect(message.slice(0, 60)).to.equal('450000 schema violations (paths.1: expected a string; paths.');
  });

  it('shows deeper levels as a Lua table', () => {
    const message = schemaViolation({
      config: { scopes: [null, 'no'], '@entity': ['yes'], redis: { port: 'no' } },
    }).message;
    expect(message).to.equal(
      '3 schema violations (config.@entity: {\n  "yes"\n}; config.redis: {\n  port = "no"\n}; config.scopes: {\n  [2] = "no"\n})',
    );
  });
});

describe('Other refusals', () => {
  it('name the duplicate values', () => {
    const row = { id: 'x', name: 'oauth2', service: { id: 's' }, route: null };
    expect(uniqueViolation(valuesOf(row, ['name', 'route', 'service', 'consumer'])).message).to.equal(
      'UNIQUE violation detected on \'{consumer=null,name="oauth2",route=null,service={id="s"}}\'',
    );
  });

  it('SE-02: repeat no secret, except as recorded from Kong', () => {
    const described: Fields = {
      key: { type: 'string', encrypted: true },
      access_token: { type: 'string', encrypted: true, repeated: true },
      username: { type: 'string' },
    };
    const row = { key: 'a key', access_token: 'AT', username: 'ada', id: 'x' };
    const clash = uniqueViolation(valuesOf(row, Object.keys(row), described));
    expect(clash.fields).to.deep.equal({ key: '…', access_token: 'AT', username: 'ada', id: 'x' });
    expect(clash.message).not.to.include('a key');
    expect(valuesOf({}, ['key'], described)).to.deep.equal({ key: null });
    const unknown = notFoundBy('key', 'a key', described);
    expect(unknown).to.deep.include({ fields: { key: '…' } });
    expect(unknown.message).to.equal('could not find the entity with \'{key="…"}\'');
  });

  it('name the missing row of a reference', () => {
    expect(danglingReference('service', 'x', 'services')).to.deep.include({
      code: 4,
      message: "the foreign key '{id=\"x\"}' does not reference an existing 'services' entity.",
      fields: { service: { id: 'x' } },
    });
  });

  it('name the reference that cannot be resolved', () => {
    const reference = { field: 'service', kind: 'services', by: [{ field: 'name', value: 'nope' }] };
    const why = "the foreign key cannot be resolved with '{name=\"nope\"}' for an existing 'services' entity";
    expect(referencesUnresolved([reference])).to.deep.equal({
      code: 13,
      name: 'foreign keys unresolved',
      message: `foreign key unresolved (service.name: ${why})`,
      fields: { service: { name: why } },
    });
  });

  it('name the key that was not found', () => {
    expect(notFoundBy('name', 'x').message).to.equal('could not find the entity with \'{name="x"}\'');
    expect(notFoundBy('id', 'x').message).to.equal('could not find the entity with primary key \'{id="x"}\'');
    expect(primaryKeyViolation('x').message).to.equal('primary key violation on key \'{id="x"}\'');
  });
});

describe('Lua in messages', () => {
  it('quotes strings and keys', () => {
    expect(luaText({ 'a-b': 'say "x"\\', ok_1: true })).to.equal('{["a-b"]="say \\"x\\"\\\\",ok_1=true}');
    expect(luaText(['a', null, 'b'], '  ')).to.equal('{\n  "a",\n  [3] = "b"\n}');
    expect(luaText({ a: { b: 1 } }, '  ')).to.equal('{\n  a = {\n    b = 1\n  }\n}');
  });

  const numbers: readonly (readonly [text: string, number: number | undefined])[] = [
    ['80', 80],
    [' 80 ', 80],
    ['-1', -1],
    ['1.', 1],
    ['0x1F', 31],
    ['-0x10', -16],
    ['1e3', 1000],
    ['', undefined],
    ['x', undefined],
    ['1x', undefined],
    ['0x', undefined],
    ['1_000', undefined],
  ];
  for (const [text, number] of numbers) {
    it(`reads '${text}' as ${number ?? 'no number'}`, () => expect(luaNumber(text)).to.equal(number));
  }
});

import { expect } from 'chai';
import type { Json } from '../../src/ports/entity-store.ts';
import type { Field, Fields } from '../../src/schema/description.ts';
import { tag } from '../../src/schema/fields.ts';
import { checkTransformation, validate, validateField } from '../../src/schema/validate.ts';
import { Findings, listViolations } from '../../src/schema/violations.ts';

describe('Violations of a field, with Kong’s messages', () => {
  const cases: readonly (readonly [of: string, field: Field, value: Json, wrong: unknown])[] = [
    ['a string', { type: 'string' }, 1, 'expected a string'],
    ['an empty string', { type: 'string' }, '', 'length must be at least 1'],
    ['an empty string where one is allowed', { type: 'string', len_min: 0 }, '', undefined],
    ['a long string', { type: 'string', len_max: 2 }, 'abc', 'length must be at most 2'],
    ['a string of another length', { type: 'string', len_eq: 2 }, 'abc', 'length must be 2'],
    ['a UUID', { type: 'string', uuid: true }, 'x', 'expected a valid UUID'],
    ['a UUID in capitals', { type: 'string', uuid: true }, '00000000-0000-4000-8000-0000DEADBEEF', undefined],
    ['a beginning', { type: 'string', starts_with: '/' }, 'a', 'should start with: /'],
    ['a choice', { type: 'string', one_of: ['a', 'b'] }, 'c', 'expected one of: a, b'],
    ['an excluded value', { type: 'string', not_one_of: ['a'] }, 'a', 'must not be one of: a'],
    ['a pattern', { type: 'string', match: { notation: '%u', matches: /^[A-Z]+$/ } }, 'get', 'invalid value: get'],
    ['a rule with its own message', { type: 'string', one_of: ['a'], err: 'just a' }, 'b', 'just a'],
    ['a number', { type: 'number' }, '1', 'expected a number'],
    ['an infinite number', { type: 'number' }, JSON.parse('1e999'), 'expected a number'],
    ['a fraction', { type: 'integer' }, 1.5, 'expected an integer'],
    ['a number too small', { type: 'integer', between: [1, 5] }, 0, 'value should be between 1 and 5'],
    ['a number not greater', { type: 'number', gt: 0 }, 0, 'value must be greater than 0'],
    ['a time', { type: 'integer', timestamp: true }, 0, 'expected a valid timestamp'],
    ['a boolean', { type: 'boolean' }, 'true', 'expected a boolean'],
    ['a value that must be null', { type: 'boolean', eq: null }, true, 'value must be null'],
    ['a value that must be null, of another type', { type: 'boolean', eq: null }, 'x', 'value must be null'],
    [
      'a value that must be null, with its own message',
      { type: 'set', elements: tag, eq: null, err: 'not here' },
      'x',
      'not here',
    ],
    ['what must be something', { type: 'boolean', eq: true }, null, 'value must be true'],
    ['what must not be null', { type: 'boolean', ne: null }, null, 'value must not be null'],
    ['what is required', { type: 'boolean', required: true }, null, 'required field missing'],
    ['what is not required', { type: 'boolean' }, null, undefined],
    ['a list', { type: 'array', elements: { type: 'string' } }, 'a', 'expected an array'],
    ['a set', { type: 'set', elements: { type: 'string' } }, 'a', 'expected a set'],
    [
      'elements, with a hole where one is right',
      { type: 'array', elements: { type: 'string' } },
      ['a', 1, 'b', 2, 'c'],
      [null, 'expected a string', null, 'expected a string'],
    ],
    ['a null in a list', { type: 'array', elements: { type: 'string' } }, [null], ['required field missing']],
    [
      'what a set must contain',
      { type: 'set', elements: { type: 'string' }, contains: 'a' },
      [],
      'expected to contain: a',
    ],
    ['a map', { type: 'map', keys: { type: 'string' }, values: { type: 'string' } }, 'a', 'expected a map'],
    [
      'a value of a map',
      { type: 'map', keys: { type: 'string' }, values: { type: 'string' } },
      { a: 1 },
      'expected a string',
    ],
    [
      'a key of a map',
      { type: 'map', keys: { type: 'string', one_of: ['b'] }, values: { type: 'string' } },
      { a: '1' },
      'expected one of: b',
    ],
    ['a record', { type: 'record', fields: {} }, [1], 'expected a record'],
    [
      'a field of a record',
      { type: 'record', fields: { a: { type: 'string' } } },
      { a: 1 },
      { a: 'expected a string' },
    ],
    ['a reference', { type: 'foreign', reference: 'services' }, 'a', { id: 'missing primary key' }],
    [
      'a reference by something else',
      { type: 'foreign', reference: 'services' },
      { id: 'a' },
      { id: 'expected a valid UUID' },
    ],
    ['a rule in code', { type: 'string', check: (text) => `not ${text}` }, 'a', 'not a'],
  ];
  for (const [of, field, value, wrong] of cases) {
    it(of, () => expect(validateField(field, value)).to.deep.equal(wrong));
  }

  it('mutually exclusive sets, only those with a value', () => {
    const field: Field = {
      type: 'set',
      elements: { type: 'string' },
      mutually_exclusive_subsets: [['http', 'https'], ['tcp', 'udp'], ['grpc']],
    };
    expect(validateField(field, ['udp', 'http'])).to.equal(
      "these sets are mutually exclusive: ('http', 'https'), ('tcp', 'udp')",
    );
    expect(validateField(field, ['http', 'https'])).to.equal(undefined);
  });

  it('a record as a whole is validated only if its fields are valid', () => {
    const field: Field = { type: 'record', fields: { a: { type: 'string' } }, check: () => 'never' };
    expect(validateField(field, { a: 1 })).to.deep.equal({ a: 'expected a string' });
    expect(validateField(field, { a: 'x' })).to.equal('never');
  });
});

describe('Violations of an entity', () => {
  const fields: Fields = {
    a: { type: 'string' },
    b: { type: 'string' },
    on: { type: 'boolean' },
    list: { type: 'set', elements: { type: 'string' } },
  };
  const wrong = (
    check: Parameters<typeof validate>[1][number],
    row: { [field: string]: Json },
    occasion: 'whole' | 'change' = 'whole',
  ) => validate(fields, [check], row, occasion).found();

  it('every unknown field, and every required field that is missing', () => {
    const found = validate({ a: { type: 'string', required: true } }, [], { c: 1 }, 'whole').found();
    expect(found).to.deep.equal({ c: 'unknown field', a: 'required field missing' });
  });

  it('at least one of several fields; the message of a change says so', () => {
    const check = { at_least_one_of: ['a', 'b'] };
    const message = "at least one of these fields must be non-empty: 'a', 'b'";
    expect(wrong(check, { a: null, b: '' })).to.deep.include({ '@entity': [message] });
    expect(wrong(check, { a: null, b: null }, 'change')).to.deep.equal({ '@entity': [`when updating, ${message}`] });
    expect(wrong(check, { a: null, b: 'x' })).to.equal(undefined);
  });

  it('only one of several fields', () => {
    const message = "only one of these fields must be non-empty: 'a', 'b'";
    expect(wrong({ only_one_of: ['a', 'b'] }, { a: 'x', b: 'y' })).to.deep.equal({ '@entity': [message] });
    expect(wrong({ only_one_of: ['a', 'b'] }, { a: 'x' })).to.equal(undefined);
  });

  it('fields that must differ', () => {
    const message = "values of these fields must be distinct: 'a', 'b'";
    expect(wrong({ distinct: ['a', 'b'] }, { a: 'x', b: 'x' })).to.deep.equal({ '@entity': [message] });
    expect(wrong({ distinct: ['a', 'b'] }, { a: 'x', b: 'y' })).to.equal(undefined);
  });

  it('all or none; false counts as set', () => {
    const message = "all or none of these fields must be set: 'a', 'on'";
    expect(wrong({ mutually_required: ['a', 'on'] }, { on: false })).to.deep.equal({ '@entity': [message] });
    expect(wrong({ mutually_required: ['a', 'on'] }, { a: 'x', on: false })).to.equal(undefined);
    expect(wrong({ mutually_required: ['a', 'on'] }, { a: null, on: null })).to.equal(undefined);
    expect(wrong({ mutually_required: ['a', 'on'] }, { a: 1 })).to.deep.equal({ a: 'expected a string' });
  });

  it('a rule that depends on another field is reported for both', () => {
    const check = {
      conditional: { if_field: 'on', if_match: { eq: true }, then_field: 'a', then_match: { required: true } },
    };
    expect(wrong(check, { on: true, a: null })).to.deep.equal({
      a: 'required field missing',
      '@entity': ["failed conditional validation given value of field 'on'"],
    });
    expect(wrong(check, { on: false, a: null })).to.equal(undefined);
    expect(wrong(check, { on: null, a: null })).to.equal(undefined);
  });

  it('one of several fields that depend on another field, with another message', () => {
    const check = {
      conditional_at_least_one_of: {
        if_field: 'list',
        if_match: { contains: 'x' },
        then_at_least_one_of: ['a', 'b'],
        then_err: 'with x: %s',
        else_match: { contains: 'y' },
        else_then_at_least_one_of: ['a'],
        else_then_err: 'with y: %s',
      },
    };
    expect(wrong(check, { list: ['x'] })).to.deep.equal({ '@entity': ["with x: 'a', 'b'"] });
    expect(wrong(check, { list: ['y'] })).to.deep.equal({ '@entity': ["with y: 'a'"] });
    expect(wrong(check, { list: ['z'] })).to.equal(undefined);
    expect(wrong(check, { list: ['x'], b: 'b' })).to.equal(undefined);
  });

  it('a rule in code is skipped while its fields are invalid', () => {
    const check = { custom_entity_check: { field_sources: ['a'], check: () => ({ a: 'by the rule' }) } };
    expect(wrong(check, { a: 1 })).to.deep.equal({ a: 'expected a string' });
    expect(wrong(check, { a: 'x' })).to.deep.equal({ a: 'by the rule' });
  });

  it('SE-06: __proto__ and constructor are unknown fields like any other', () => {
    const row = JSON.parse('{"__proto__": {"x": 1}, "constructor": 1, "toString": 2, "hasOwnProperty": 3}') as {
      [field: string]: Json;
    };
    const found = validate(fields, [], row, 'whole').found()!;
    expect(Object.keys(found).sort()).to.deep.equal(['__proto__', 'constructor', 'hasOwnProperty', 'toString']);
    expect(JSON.parse(JSON.stringify(found))).to.have.own.property('__proto__', 'unknown field');
  });
});

describe('A field that is hashed before it is stored', () => {
  const hashed = {
    input: ['hash'],
    needs: ['secret'],
    hashes: { field: 'secret', when: () => true, isDone: () => false },
  };
  const message = "all or none of these fields must be set: 'hash', 'secret'";
  const check = (input: { [f: string]: Json }, row: { [f: string]: Json }, stored?: { [f: string]: Json }) => {
    const findings = new Findings();
    checkTransformation(hashed, input, row, stored, findings);
    return findings.found();
  };

  it('cannot be changed without the other field, since a hash cannot be reversed', () => {
    const stored = { hash: true, secret: 'digest' };
    expect(check({ secret: 'new' }, { ...stored, secret: 'new' }, stored)).to.deep.equal({ '@entity': [message] });
    expect(check({ hash: false }, { ...stored, hash: false }, stored)).to.deep.equal({ '@entity': [message] });
    expect(check({ hash: true, secret: 'new' }, { hash: true, secret: 'new' }, stored)).to.equal(undefined);
  });

  it('can be cleared, sent back unchanged, or left out', () => {
    const stored = { hash: false, secret: 'plain' };
    expect(check({ secret: null }, { ...stored, secret: null }, stored)).to.equal(undefined);
    expect(check({ secret: 'plain' }, stored, stored)).to.equal(undefined);
    expect(check({ name: 'x' }, stored, stored)).to.equal(undefined);
  });

  it('can be set together with the field that it needs', () => {
    expect(check({ hash: true }, { hash: true, secret: 'made' })).to.equal(undefined);
    expect(check({ hash: true, secret: null }, { hash: true, secret: null })).to.deep.equal({ '@entity': [message] });
  });
});

describe('Violations as a list', () => {
  it('name the path of each field, elements counted from 1', () => {
    const violations = {
      host: 'required field missing',
      config: { scopes: [null, 'expected a string'], '@entity': ['of the record'] },
      '@entity': ['of the entity'],
    };
    expect(listViolations(violations)).to.deep.equal([
      { path: 'host', message: 'required field missing' },
      { path: 'config.scopes[2]', message: 'expected a string' },
      { path: 'config', message: 'of the record' },
      { path: '', message: 'of the entity' },
    ]);
  });
});

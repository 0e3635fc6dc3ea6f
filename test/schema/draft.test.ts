import { expect } from 'chai';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import type { Description, JsonObject } from '../../src/schema/description.ts';
import {
  type Draft,
  draftChange,
  draftInsert,
  draftReplace,
  finished,
  refer,
  unresolvedReferences,
  violationsOf,
} from '../../src/schema/draft.ts';
import { id, timestamp } from '../../src/schema/fields.ts';

const uuid = '00000000-0000-4000-8000-000000000001';
const auto = { now: 5_000_900, uuid, tokens: ['token-1', 'token-2'] };

const owners: Description = {
  name: 'owners',
  endpointKey: 'nick',
  fields: {
    id,
    nick: { type: 'string', unique: true },
    mail: { type: 'string', unique: true },
    age: { type: 'integer' },
  },
};

const things: Description = {
  name: 'things',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    key: { type: 'string', auto: true },
    owner: { type: 'foreign', reference: 'owners' },
    colour: { type: 'string', required: true, default: 'red' },
    labels: { type: 'set', elements: { type: 'string' } },
    lines: { type: 'array', elements: { type: 'string' } },
    config: {
      type: 'record',
      required: true,
      fields: {
        secret: { type: 'string', required: true, auto: true },
        size: { type: 'integer', default: 3 },
        ours: { type: 'boolean', unlessSet: 'absent' },
      },
      aliases: { length: { of: 'size' } },
    },
  },
  aliases: { line: { of: 'lines', oneOfMany: true } },
  shorthands: {
    spec: { field: { type: 'string' }, expand: (value) => ({ colour: String(value), lines: [String(value)] }) },
  },
};

const describeKind = (kind: string) => (kind === 'owners' ? owners : undefined);

const inserted = (sent: JsonObject): Entity => {
  const draft = draftInsert(things, sent, auto);
  expect(violationsOf(draft)).to.equal(undefined);
  return finished(draft);
};

describe('A new row', () => {
  it('has defaults, an id, times in seconds and random strings; other fields are null', () => {
    expect(inserted({})).to.deep.equal({
      id: uuid,
      created_at: 5000,
      updated_at: 5000,
      key: 'token-1',
      owner: null,
      colour: 'red',
      labels: null,
      lines: null,
      config: { secret: 'token-2', size: 3 },
    });
  });

  it('keeps what was sent, null included', () => {
    const row = inserted({ id: uuid.replace('1', 'A'), created_at: 7, key: null, config: { size: null } });
    expect(row).to.deep.include({ id: uuid.replace('1', 'a'), created_at: 7, key: null });
    expect(row['config']).to.deep.equal({ secret: 'token-2', size: null });
  });

  it('has each member of a set once', () => {
    expect(inserted({ labels: ['a', 'b', 'a'], lines: ['a', 'a'] })).to.deep.include({
      labels: ['a', 'b'],
      lines: ['a', 'a'],
    });
  });

  it('accepts the empty table of Lua for a list and a record', () => {
    expect(inserted({ labels: {}, config: [] })).to.deep.include({
      labels: [],
      config: { secret: 'token-2', size: 3 },
    });
  });

  it('has a field that Kong does not have only if it is sent', () => {
    expect(inserted({ config: { ours: null } })['config']).not.to.have.property('ours');
    expect(inserted({ config: { ours: false } })['config']).to.have.property('ours', false);
  });

  it('accepts an older name of a field', () => {
    expect(inserted({ line: 'x', config: { length: 9 } })).to.deep.include({ lines: ['x'] });
    expect(inserted({ config: { length: 9 } })['config']).to.deep.include({ size: 9 });
    expect(inserted({ line: ['x', 'y'] })).to.deep.include({ lines: ['x', 'y'] });
  });

  it('has a violation for two names of a field with different values', () => {
    const draft = draftInsert(things, { line: 'x', lines: ['y'] }, auto);
    expect(violationsOf(draft)).to.deep.equal({
      line: "another name for 'lines', which is given with another value",
    });
    const nested = draftInsert(things, { config: { length: 1, size: 2 } }, auto);
    expect(violationsOf(nested)).to.have.nested.property('config.length');
  });

  it('is read from a shorthand, which replaces the fields that are also sent', () => {
    expect(inserted({ spec: 'blue', colour: 'green' })).to.deep.include({ colour: 'blue', lines: ['blue'] });
    expect(violationsOf(draftInsert(things, { spec: 1, nope: 2 }, auto))).to.deep.equal({ spec: 'expected a string' });
  });
});

describe('A reference', () => {
  const draft = (owner: JsonObject): Draft => draftInsert(things, { owner }, auto);

  it('by id is left as it is, whatever else is sent with the id', () => {
    const named = draft({ id: uuid, nick: 'joe' });
    expect(unresolvedReferences(named, describeKind)).to.deep.equal([]);
    expect(finished(named)['owner']).to.deep.equal({ id: uuid });
  });

  it('by a unique field is returned, so that the caller can look it up', () => {
    const named = draft({ nick: 'joe', age: 5 });
    expect(unresolvedReferences(named, describeKind)).to.deep.equal([
      { field: 'owner', kind: 'owners', by: [{ field: 'nick', value: 'joe' }] },
    ]);
    expect(finished(refer(named, 'owner', uuid))['owner']).to.deep.equal({ id: uuid });
  });

  it('by no unique field is a violation', () => {
    expect(unresolvedReferences(draft({ nick: 5 }), describeKind)).to.deep.equal([]);
    expect(violationsOf(draft({ nick: 5 }))).to.deep.equal({ owner: { id: 'missing primary key' } });
  });
});

describe('A reference without an id', () => {
  const wrong = (owner: Json) => violationsOf(draftInsert(things, { owner }, auto), describeKind)?.['owner'];

  it('is validated by the fields of its entity', () => {
    expect(wrong({ nikc: 'joe' })).to.deep.equal({ nikc: 'unknown field' });
    expect(wrong({ nick: '' })).to.deep.equal({ nick: 'length must be at least 1' });
    expect(wrong({ id: 'x', age: 'y' })).to.deep.equal({ id: 'expected a valid UUID', age: 'expected an integer' });
  });

  it('has no primary key, if it is valid otherwise', () => {
    for (const owner of [{}, { age: 5 }, 'joe', []]) expect(wrong(owner)).to.deep.equal({ id: 'missing primary key' });
    expect(wrong({ id: null })).to.deep.equal({ id: 'required field missing' });
  });
});

describe('A changed row', () => {
  const stored = inserted({ labels: ['a'], colour: 'green', config: { secret: 's', size: 4, ours: true } });
  const changed = (sent: JsonObject): Entity => {
    const draft = draftChange(things, sent, stored, 9_000_000);
    expect(violationsOf(draft)).to.equal(undefined);
    return finished(draft);
  };

  it('differs in what was sent and in the time of its change', () => {
    expect(changed({})).to.deep.equal({ ...stored, updated_at: 9000 });
    expect(changed({ labels: ['b'] })).to.deep.equal({ ...stored, labels: ['b'], updated_at: 9000 });
    expect(changed({ created_at: 5 })).to.deep.equal({ ...stored, created_at: 5, updated_at: 9000 });
    expect(changed({ created_at: null })).to.deep.equal({ ...stored, updated_at: 9000 });
  });

  it('is merged inside records, not inside lists', () => {
    expect(changed({ config: { size: 5 } })['config']).to.deep.equal({ secret: 's', size: 5, ours: true });
  });

  it('gets no defaults for fields that were set to null', () => {
    expect(changed({ config: { size: null } })['config']).to.deep.include({ size: null });
    expect(violationsOf(draftChange(things, { colour: null }, stored, 9_000_000))).to.deep.equal({
      colour: 'required field missing',
    });
  });

  it('loses a field that Kong does not have when it is set to null', () => {
    expect(changed({ config: { ours: null } })['config']).not.to.have.property('ours');
  });

  it('keeps its id, whatever the body says', () => {
    expect(changed({ id: uuid.replace('1', '2') }).id).to.equal(stored.id);
  });
});

describe('A row that replaces another', () => {
  it('keeps the id and the time of creation, and nothing else', () => {
    const stored = inserted({ created_at: 7, colour: 'green', labels: ['a'] });
    const draft = draftReplace(things, { lines: ['x'] }, { ...auto, uuid: uuid.replace('1', '2') }, stored);
    expect(finished(draft)).to.deep.include({ id: uuid, created_at: 7, colour: 'red', labels: null, lines: ['x'] });
  });
});

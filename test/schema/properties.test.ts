import { expect } from 'chai';
import fc from 'fast-check';
import { describeEntities } from '../../src/entities/entities.ts';
import type { Json } from '../../src/ports/entity-store.ts';
import { type Description, type Field, type JsonObject, shapeFor } from '../../src/schema/description.ts';
import { draftChange, draftInsert, finished, violationsOf } from '../../src/schema/draft.ts';
import { schemaViolation } from '../../src/schema/error-bodies.ts';
import { coerced } from '../../src/schema/form.ts';
import { listViolations } from '../../src/schema/violations.ts';
import { a, authority } from '../support/certificates.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';

const entities = describeEntities(pluginDescriptions);
const uuid = '00000000-0000-4000-8000-000000000001';
const auto = { now: 5_000_000, uuid, tokens: ['token-1', 'token-2', 'token-3'] };
const hostile = Object.getOwnPropertyNames(Object.prototype);

/** Any JSON, with keys and values that are known to break code. */
const anything = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false, 0, -0, 1.5, 2 ** 53, '', '__proto__', uuid, '%s', '$&'),
    fc.string(),
    fc.integer(),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...hostile, 'id', 'name'), fc.string()), tie('json'), { maxKeys: 4 }),
  ),
})).json;

/** A value for a field: valid, nearly valid, or any JSON. */
function nearly(field: Field): fc.Arbitrary<Json> {
  return fc.oneof({ arbitrary: right(field), weight: 4 }, { arbitrary: anything, weight: 1 });
}

function right(field: Field): fc.Arbitrary<Json> {
  switch (field.type) {
    case 'string':
      return fc.constantFrom<Json>(...(field.one_of ?? ['a', '/a', 'a.example', uuid, 'http://a.example/']));
    case 'number':
    case 'integer':
      return fc.constantFrom<Json>(...(field.one_of ?? [0, 1, 60, 100_000]));
    case 'boolean':
      return fc.boolean();
    case 'array':
    case 'set':
      return fc.array(nearly(field.elements), { maxLength: 3 });
    case 'map':
      return fc.dictionary(fc.constantFrom('x-a', 'host', '__proto__'), nearly(field.values), { maxKeys: 2 });
    case 'record':
      return sent(field.fields);
    case 'foreign':
      return fc.constantFrom<Json>({ id: uuid }, { name: 'a' }, {}, null);
  }
}

function sent(fields: { readonly [name: string]: Field }): fc.Arbitrary<JsonObject> {
  const values = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, nearly(field)]));
  const known = fc.record<{ [name: string]: Json }>(values, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>;
  const unknown = fc.dictionary(fc.constantFrom(...hostile, 'nope'), anything, { maxKeys: 2 });
  return fc.tuple(known, fc.option(unknown, { nil: {}, freq: 4 })).map(([one, other]) => ({ ...one, ...other }));
}

function bodyFor(description: Description): fc.Arbitrary<JsonObject> {
  const key = description.subschema?.key;
  const values = key === 'name' ? ['oauth2'] : [['http'], ['https'], ['grpc'], ['tcp'], ['http', 'tcp']];
  if (key === undefined) return sent(description.fields);
  return fc
    .constantFrom<Json>(...values)
    .chain((value) => sent(shapeFor(description, { [key]: value }).fields).map((body) => ({ [key]: value, ...body })));
}

/**
 * Kong's rule of a transformation: its input and the field that it needs are set together, or neither is. A default fills
 * the input in, so a row whose needed field was sent as null (`client_secret`) is printed, but is not valid when sent again.
 */
function isIncomplete({ transformations = [] }: Description, row: JsonObject): boolean {
  const isSet = (name: string): boolean => (row[name] ?? null) !== null;
  return transformations.some(({ input, needs }) => input.some(isSet) && !needs.every(isSet));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}

for (const description of entities.values()) {
  describe(`Any body of ${description.name}`, () => {
    const body = fc.oneof({ arbitrary: bodyFor(description), weight: 3 }, fc.dictionary(fc.string(), anything));

    it('is validated without an exception, and is not changed', () => {
      fc.assert(
        fc.property(body, (input) => {
          const before = JSON.stringify(input);
          const violations = violationsOf(draftInsert(description, deepFreeze(input), auto));
          if (violations !== undefined) {
            expect(schemaViolation(violations).message).to.be.a('string');
            expect(listViolations(violations)).not.to.have.length(0);
            JSON.stringify(violations);
          }
          expect(JSON.stringify(input)).to.equal(before);
        }),
        { numRuns: 150 },
      );
    });

    it('gives a row with described fields only, which is valid when it is sent again', () => {
      fc.assert(
        fc.property(body, (input) => {
          const draft = draftInsert(description, repaired(description, input), auto);
          expect(violationsOf(draft)).to.equal(undefined);
          const row = finished(draft);
          expect(Object.keys(shapeFor(description, row).fields)).to.include.members(Object.keys(row));
          const again = draftInsert(description, row as JsonObject, auto);
          if (isIncomplete(description, row as JsonObject)) {
            expect(violationsOf(again)).to.have.property('@entity');
            return;
          }
          expect(violationsOf(again)).to.equal(undefined);
          expect({ ...finished(again), updated_at: 0 }).to.deep.equal({ ...row, updated_at: 0 });
          const unchanged = draftChange(description, {}, row, auto.now);
          expect(violationsOf(unchanged)).to.equal(undefined);
          expect(finished(unchanged)).to.deep.equal(row);
        }),
        { numRuns: 100 },
      );
    });

    it('can be a change and a form', () => {
      const minimal = draftInsert(description, minimalOf(description), auto);
      expect(violationsOf(minimal)).to.equal(undefined);
      const stored = finished(minimal);
      fc.assert(
        fc.property(body, (input) => {
          violationsOf(draftChange(description, deepFreeze(input), stored, auto.now));
          coerced(description, input, (kind) => entities.get(kind));
        }),
        { numRuns: 100 },
      );
    });
  });
}

/** The body without its invalid fields, and with the required ones. */
function repaired(description: Description, input: JsonObject): JsonObject {
  const minimal = minimalOf(description);
  let kept: JsonObject = { ...minimal, ...input };
  for (let tries = 0; tries < 5; tries++) {
    const violations = violationsOf(draftInsert(description, kept, auto));
    if (violations === undefined) return kept;
    const wrong = new Set(Object.keys(violations));
    kept = { ...Object.fromEntries(Object.entries(kept).filter(([field]) => !wrong.has(field))), ...minimal };
  }
  return minimal;
}

function minimalOf({ name }: Description): JsonObject {
  switch (name) {
    case 'services':
      return { host: 'a.example' };
    case 'routes':
      return { paths: ['/a'] };
    case 'consumers':
      return { username: 'a' };
    case 'plugins':
      return { name: 'oauth2', config: { enable_client_credentials: true } };
    case 'oauth2_credentials':
      return { name: 'a', consumer: { id: uuid } };
    case 'keyauth_credentials':
    case 'jwt_secrets':
      return { consumer: { id: uuid } };
    case 'basicauth_credentials':
      return { consumer: { id: uuid }, username: 'a', password: 'a' };
    case 'hmacauth_credentials':
      return { consumer: { id: uuid }, username: 'a' };
    case 'acls':
      return { consumer: { id: uuid }, group: 'a' };
    case 'certificates':
      return { ...a };
    case 'snis':
      return { name: 'a.example', certificate: { id: uuid } };
    case 'ca_certificates':
      return { cert: authority };
    case 'key_sets':
      return {};
    case 'keys':
      return { kid: 'a', jwk: '{"kid":"a","kty":"oct","k":"a"}' };
    case 'upstreams':
      return { name: 'a' };
    case 'targets':
      return { upstream: { id: uuid }, target: 'a' };
    default:
      return { credential: { id: uuid }, expires_in: 1 };
  }
}

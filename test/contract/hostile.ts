/** Texts that break careless stores: names of Object.prototype, operators, separators, and ill-formed Unicode. */
import fc from 'fast-check';

const known = [
  ...Object.getOwnPropertyNames(Object.prototype),
  '$ne',
  '{"$gt":""}',
  '.*',
  'a.b',
  '\u0000',
  'a\u0000b',
  '\u0004\u0001',
  '\ud800',
  '\uffff',
  '😀',
  ' ',
  '../..',
  'null',
  'undefined',
  "' OR 1=1 --",
  'x'.repeat(5_000),
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...known),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 80 }),
);

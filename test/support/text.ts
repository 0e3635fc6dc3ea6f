import fc from 'fast-check';

const wicked = [
  '\0',
  '\r',
  '\n',
  '\t',
  ' ',
  '"',
  '\\',
  '%',
  '%00',
  '%zz',
  '&',
  '=',
  '+',
  '#',
  '?',
  '[',
  ']',
  '<',
  ':',
  '/',
  '.',
  '$',
  '{',
  '\u00a0',
  'é',
  '\u212a',
  '\ud800',
  '\udfff',
  '😀',
  '\ufeff',
  '\uffff',
];

/** Any text at all, lone surrogates included; what has ever broken a parser comes often. */
export const anyText: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...wicked),
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCodePoint(code)),
    fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  ),
});

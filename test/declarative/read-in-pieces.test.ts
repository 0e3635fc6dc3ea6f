import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readInPieces } from '../../adapters/declarative/read-in-pieces.ts';
import { readText } from '../../adapters/declarative/read-text.ts';
import { collectParts, partsOf } from '../../adapters/declarative/text-parts.ts';

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const whole = (text: string) => {
  const read = readText(text);
  return read.problems === undefined ? plain(read.value) : undefined;
};

describe('A long configuration file', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('any'), { maxLength: 4 }),
    map: fc.dictionary(fc.constantFrom('name', 'url', 'a b', '- x', '#', 'services'), tie('any'), { maxKeys: 4 }),
  })).any;

  it('has the same values when it is read in pieces', () => {
    const document = fc.dictionary(fc.constantFrom('_format_version', 'services', 'consumers', 'plugins'), value);
    const options = fc.record({
      lineWidth: fc.constantFrom(0, 20),
      indentSeq: fc.boolean(),
      indent: fc.constantFrom(2, 4),
    });
    fc.assert(
      fc.property(document, options, (written, how) => {
        const text = stringify(written, how);
        const read = readInPieces(text);
        if (read !== undefined) expect(plain(read)).to.deep.equal(whole(text));
      }),
      { numRuns: 500 },
    );
  });

  it('is read as a whole or has the same values, whatever its lines are', () => {
    const line = fc.constantFrom(
      ...[
        'services:',
        'services: # all',
        '- name: a',
        '  - name: b',
        '  url: "x',
        '  y"',
        '- a: |',
        '    text',
        '- b',
        '  - c',
      ],
      ...[
        '',
        '# remark',
        '- [1,',
        '- 2]',
        'x: 1',
        "- 'q",
        "q'",
        '- &a 1',
        '- *a',
        '---',
        '-',
        '  k: {a: 1',
        '  }',
        '    deep: >',
        '- >-',
      ],
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), (lines) => {
        const text = lines.join('\n');
        const read = readInPieces(text);
        if (read !== undefined) expect(plain(read), text).to.deep.equal(whole(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('is read in pieces if it has thousands of services', () => {
    const services = Array.from({ length: 1_001 }, (_, n) => `- name: s${n}\n  url: http://h\n\n  # next\n`);
    const text = `_format_version: "3.0"\nservices:\n${services.join('')}consumers:\n  - username: a\nplugins: []\n`;
    expect(plain(readInPieces(text))).to.deep.equal(whole(text));
    expect(readInPieces(text)).not.to.equal(undefined);
  });

  it('comes from its thread in parts, with the same values and lines', () => {
    const services = Array.from({ length: 1_201 }, (_, n) => `- name: s${n}`);
    for (const text of [`a: 1\nservices:\n${services.join('\n')}\n`, '- 1', 'a: [', 'a: {b: [1]}']) {
      for (const withLines of [true, false]) {
        const collect = collectParts();
        const parts = [...partsOf(readText(text, withLines))].map((part) => structuredClone(part));
        const read = parts.map((part) => collect(part)).at(-1);
        expect(plain(read)).to.deep.equal(plain(readText(text, withLines)));
        if (text.length > 1_000) expect(parts).to.have.length(4);
      }
    }
  });
});

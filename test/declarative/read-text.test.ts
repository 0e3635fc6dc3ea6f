import { expect } from 'chai';
import fc from 'fast-check';
import { documentOf, readText } from '../../adapters/declarative/read-text.ts';
import type { ConfigurationDocument, DocumentProblem } from '../../src/declarative/document.ts';

describe('The syntax of a declarative file', () => {
  it('is YAML, which includes JSON; each value has its line', () => {
    const { value, lineOf } = document("_format_version: '3.0'\nservices:\n- name: a\n  url: http://a\n- name: b\n");
    expect(plain(value)).to.deep.equal({
      _format_version: '3.0',
      services: [{ name: 'a', url: 'http://a' }, { name: 'b' }],
    });
    expect(lineOf(['services', 0, 'url'])).to.equal(4);
    expect(lineOf(['services', 1])).to.equal(5);
    expect(lineOf(['services', 1, 'name'])).to.equal(5);
    const json = document('{\n"services": [\n {"name": "\\ud83d\\ude00\\/"}]}');
    expect(plain(json.value)).to.deep.equal({ services: [{ name: '😀/' }] });
    expect(json.lineOf(['services', 0, 'name'])).to.equal(3);
  });

  it('gives a missing value the line of the value around it', () => {
    const { lineOf } = document('services:\n- name: a\n\n- name: b\n  tags: []\n');
    expect(lineOf(['services', 1, 'host'])).to.equal(4);
    expect(lineOf(['services', 1, 'tags', 3])).to.equal(5);
    expect(lineOf([])).to.equal(1);
  });

  it('reads any JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'small' }), (value) => {
        const text = JSON.stringify(value);
        expect(plain(document(text).value)).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 200 },
    );
  });

  it('reports every error with its line: invalid YAML, duplicate names, unknown tags', () => {
    expect(problems('a: [1,\nb: 2')[0]!.line).to.be.a('number');
    expect(problems('a: 1\nb:\n  c: 1\n  c: 2\n')).to.deep.equal([
      { place: ['b', 'c'], line: 4, message: 'is a duplicate name' },
    ]);
    expect(problems('a: !!js/function "x"\n')[0]).to.include({ line: 1 });
    expect(problems('a: *unknown\n')[0]!.message).to.match(/unknown/);
    expect(problems('? [a]\n: 1\n')[0]!.message).to.equal('a name has to be text');
    for (const text of ['a: 1\n---\nb: 2\n', '---\na: 1\n---\n', 'a: 1\n...\n---\nb: 2\n']) {
      const [problem, ...more] = problems(text);
      expect(more, text).to.deep.equal([]);
      expect(problem!.message, text).to.equal(
        'a second YAML document begins here, after ---; a configuration is one document: join them or load one of them',
      );
      expect(problem!.line, text).to.be.oneOf([2, 3]);
    }
  });

  it('follows aliases and merges; the values of the map itself come first', () => {
    const text = 'd: &d {host: a, port: 1}\ns:\n- <<: *d\n  port: 2\n- *d\n- <<: [{x: 1}, {x: 2, y: 3}]\n';
    const { value, lineOf } = document(text);
    expect(plain(value)).to.deep.include({
      s: [
        { host: 'a', port: 2 },
        { host: 'a', port: 1 },
        { x: 1, y: 3 },
      ],
    });
    expect(lineOf(['s', 0, 'host'])).to.equal(1);
    expect(problems('a:\n  <<: 3\n')[0]!.message).to.match(/takes a map/);
    expect(plain(document('"<<": 1').value)).to.deep.equal({ '<<': 1 });
  });

  it('SE-09: refuses aliases that multiply values, and deep nesting', () => {
    const laughs = Array.from({ length: 9 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]'
        : `a${i}: &a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join()}]`,
    );
    expect(problems(laughs.join('\n')).map(({ message }) => message)).to.deep.equal([
      'aliases make more than 1000000 values of this file',
    ]);
    expect(problems('a: &a [*a]\n')[0]!.message).to.equal('the alias *a is inside the value that it refers to');
    expect(problems('a: &a {<<: *a}\n')[0]!.message).to.equal('the alias *a is inside the value that it refers to');
    const chain = Array.from(
      { length: 3_000 },
      (_, i) => `a${i}: &a${i} {${i === 0 ? '' : `<<: *a${i - 1}, `}x${i}: 1}`,
    );
    expect(problems(chain.join('\n')).map(({ message }) => message)).to.deep.equal([
      'aliases make more than 1000000 values of this file',
    ]);
    const lists = `a: &a [${Array(1_200).fill('{}').join()}]\nb:\n${'- <<: *a\n'.repeat(1_200)}`;
    expect(problems(lists).map(({ message }) => message)).to.deep.equal([
      'aliases make more than 1000000 values of this file',
    ]);
    expect(problems(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)).not.to.deep.equal([]);
    expect(problems(`${'['.repeat(200)}${']'.repeat(200)}`)[0]!.message).to.match(/nested more than 64 deep/);
  });

  it('SE-09: reads a file with many aliases and merges in time that grows with its length', () => {
    const forms = {
      merges: (i: number) => `- {<<: *d, name: s${i}}`,
      aliases: (i: number) => `- {name: s${i}, defaults: *d}`,
      'lists of merges': (i: number) => `- {<<: [*d, {port: ${i}}], name: s${i}}`,
      'anchors of their own': (i: number) => `- &s${i} {name: s${i}, before: *${i === 0 ? 'd' : `n`}, at: &n ${i}}`,
      'names of anchors that come again': (i: number) => `- {name: s${i}, at: &d {host: h${i}}}`,
    };
    // The least of several readings: whatever else a process does only adds to it.
    const cpu = (text: string) => {
      const readings = Array.from({ length: 3 }, () => {
        const before = process.cpuUsage().user;
        document(text);
        return process.cpuUsage().user - before;
      });
      return Math.min(...readings);
    };
    for (const [name, item] of Object.entries(forms)) {
      const text = (count: number) =>
        `_d: &d {host: h, port: 80, tags: [a, b]}\nservices:\n${Array.from({ length: count }, (_, i) => item(i)).join('\n')}\n`;
      // Linear: 8 times; quadratic: 64 times.
      expect(cpu(text(3_200)) / cpu(text(400)), name).to.be.below(32);
    }
  });

  it('SE-06: reads __proto__ and constructor as names like any other', () => {
    const { value } = document('__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n');
    expect(Object.keys(value as object)).to.deep.equal(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
    expect(Object.getPrototypeOf(value)).to.equal(null);
    expect(problems('__proto__: 1\n__proto__: 2\n')).to.have.length(1);
  });
});

function document(text: string): ConfigurationDocument {
  const read = readText(text);
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems));
  return documentOf(read);
}

function problems(text: string): readonly DocumentProblem[] {
  const read = readText(text);
  if (read.problems === undefined) throw new Error(`was read: ${JSON.stringify(read.value)}`);
  return read.problems;
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

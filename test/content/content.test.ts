import { expect } from 'chai';
import fc from 'fast-check';
import {
  formDecode,
  type formField,
  printForm,
  readForm,
  renamedField,
  valuesIn,
  withQuery,
} from '../../src/content/form.ts';
import { printJsonMembers, readJson, readJsonMembers, readJsonObject } from '../../src/content/json.ts';
import { mediaType } from '../../src/content/media-type.ts';
import { contentOf, part, printMultipart, readMultipart } from '../../src/content/multipart.ts';
import { anyText } from '../support/text.ts';

describe('Members of a JSON object', () => {
  it('are printed again with the same meaning, whatever the object', () => {
    const options = { space: fc.constantFrom(0, 1, '\t') };
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.jsonValue(), { noNullPrototype: true }), options.space, (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(JSON.parse(printJsonMembers(readJsonMembers(text)!))).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('are none of what is no object', () => {
    for (const text of ['', '[1]', 'null', '"{}"', '{"a":', '{} x']) {
      expect(readJsonMembers(text), text).to.equal(undefined);
    }
  });
});

describe('Forms (RFC 6749 Appendix B)', () => {
  it('decodes what can be decoded and keeps the rest', () => {
    expect(formDecode('100%')).to.equal('100%');
    expect(formDecode('%zz%20%4')).to.equal('%zz %4');
    expect(formDecode('é中%zz')).to.equal('é中%zz');
    expect(formDecode('š%')).to.equal('š%');
    expect(formDecode('a%ffb')).to.equal('a\ufffdb');
    expect(formDecode('%c3%a9%')).to.equal('é%');
  });

  it('a field that is not edited is printed as sent', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printForm(readForm(text))).to.equal(text.replace(/^&+|&+$/g, '').replace(/&{2,}/g, '&'));
      }),
    );
  });

  it('a field under another name keeps its value as sent', () => {
    const [one, bare] = readForm('a=%2f+%zz&b') as [ReturnType<typeof formField>, ReturnType<typeof formField>];
    expect(renamedField(one, 'c d')).to.deep.equal({ name: 'c d', value: '/ %zz', text: 'c%20d=%2f+%zz' });
    expect(renamedField(bare, 'c')).to.deep.equal({ name: 'c', value: undefined, text: 'c' });
  });

  it('gives the values of a name; a bare name has none', () => {
    expect(valuesIn('a=1&b=2&%61=&a', 'a')).to.deep.equal(['1', '']);
  });

  it('replaces the query of a request-target', () => {
    expect(withQuery('/a?b?c', 'd')).to.equal('/a?d');
    expect(withQuery('/a', 'd')).to.equal('/a?d');
    expect(withQuery('/a?b', '')).to.equal('/a');
  });
});

describe('Multipart (RFC 7578)', () => {
  const type = 'multipart/form-data; boundary=b';
  const read = (heads: readonly string[]) =>
    readMultipart(
      type,
      Buffer.from(`${heads.map((head) => `--b\r\n${head}\r\n\r\nx\r\n`).join('')}--b--\r\n`),
    )!.parts.map(({ name }) => name);

  it('the name of a part is a separate parameter, never part of another value', () => {
    expect(
      read([
        'Content-Disposition: form-data; name="a"; filename="; name=b"',
        'Content-Disposition: form-data; filename="; name=\'b\';"; NAME=c',
        'content-disposition: form-data ; filename=;name="d"',
        'Content-Disposition: form-data; filename="name=b"',
        'Content-Disposition: form-data; name=',
        'Content-Disposition: attachment; name="e"',
        'X: Content-Disposition: form-data; name="f"',
      ]),
    ).to.deep.equal(['a', 'c', 'd', undefined, undefined, undefined, undefined]);
  });

  it('is printed as it was read, octet for octet', () => {
    const text = '--b\r\nContent-Disposition: form-data; name="é"\r\n\r\n\u00ff\r\n--b--\r\n';
    const body = Buffer.from(text, 'latin1');
    const multipart = readMultipart(type, body)!;
    expect(Buffer.from(printMultipart(multipart, multipart.parts))).to.deep.equal(body);
    expect(multipart.closed).to.equal(true);
  });

  it('a name after a parameter that cannot be read does not count: it may be part of a value', () => {
    const escaped = 'Content-Disposition: form-data; filename="a\\"b; name=c"; name="d"';
    expect(read([escaped, 'Content-Disposition: form-data; x; name="d"'])).to.deep.equal([undefined, undefined]);
  });

  it('a quotation mark and a line break in a name are encoded, so that a name cannot add a field', () => {
    const { octets } = part('a"\r\nX-Evil: 1\r\n\r\nb', 'value');
    expect(octets.split('\r\n')).to.deep.equal([
      '',
      'Content-Disposition: form-data; name="a%22%0D%0AX-Evil: 1%0D%0A%0D%0Ab"',
      '',
      'value',
    ]);
  });

  it('a new part can be read', () => {
    const made = part('größe', 'a\r\nb');
    const body = printMultipart({ delimiter: '--b', parts: [], closed: true }, [made]);
    const [again] = readMultipart(type, body)!.parts;
    expect([again!.name, contentOf(again!)]).to.deep.equal(['größe', 'a\r\nb']);
  });

  it('has the whole boundary of its Content-Type, also if it is longer than the 70 characters of RFC 2046 §5.1.1', () => {
    for (const length of [1, 70, 71, 200]) {
      const boundary = 'b'.repeat(length);
      const body = Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--${boundary}--\r\n`,
      );
      for (const written of [boundary, `"${boundary}"`]) {
        const whole = readMultipart(`multipart/form-data; boundary=${written}; charset=x`, body)!;
        expect(
          whole.parts.map(({ name }) => name),
          written,
        ).to.deep.equal(['a']);
        expect(Buffer.from(printMultipart(whole, whole.parts)).equals(body), written).to.equal(true);
      }
    }
  });

  it('without its closing delimiter it is not closed, and the last part is left out', () => {
    const head = 'Content-Disposition: form-data; name=';
    const cut = readMultipart(type, Buffer.from(`--b\r\n${head}a\r\n\r\n1\r\n--b\r\n${head}c\r\n\r\n2`))!;
    expect([cut.closed, cut.parts.map(({ name }) => name)]).to.deep.equal([false, ['a']]);
    expect(readMultipart(type, Buffer.from('x'))!.closed).to.equal(false);
    expect(readMultipart('multipart/form-data', Buffer.from('x'))).to.equal(undefined);
  });

  it('TK-22: never throws, whatever the octets are', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const { octets } of readMultipart(type, Buffer.from(`--b${text}\r\n--b--`))!.parts) {
          expect(octets).to.be.a('string');
        }
      }),
    );
  });
});

describe('JSON', () => {
  it('SE-09: the depth is checked before parsing, and brackets in strings do not count', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(readJson(nested(1000))).to.have.property('value');
    expect(readJson(nested(1001))).to.equal(undefined);
    expect(readJson('['.repeat(5_000_000))).to.equal(undefined);
    expect(readJson(JSON.stringify(`\\"${'['.repeat(2000)}`))).to.have.property('value');
    expect(readJson(`[${'[],'.repeat(2000)}[]]`)).to.have.property('value');
    const objects = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    expect(readJson(objects(1000))).to.have.property('value');
    expect(readJson(objects(1001))).to.equal(undefined);
    expect(readJson(`[${'{},'.repeat(2000)}{}]`)).to.have.property('value');
  });

  it('SE-06: members are those of the text', () => {
    expect([...readJsonObject('{"__proto__":1,"a":2}')!]).to.deep.equal([
      ['__proto__', 1],
      ['a', 2],
    ]);
    for (const text of ['[]', 'null', '1', '"a"', '', '{']) expect(readJsonObject(text), text).to.equal(undefined);
  });
});

describe('The type of a body', () => {
  it('is the media type without its parameters, in lower case', () => {
    expect(mediaType(' Application/JSON ; charset=utf-8')).to.equal('application/json');
    expect(mediaType(undefined)).to.equal('');
  });
});

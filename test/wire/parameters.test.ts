import { expect } from 'chai';
import fc from 'fast-check';
import { kong, rfc9700 } from '../../src/oauth/profile.ts';
import { parseForm, readParameters } from '../../src/wire/parameters.ts';
import { anyText } from '../support/text.ts';

const form = 'application/x-www-form-urlencoded';
const known = new Set(['scope', 'state', 'code']);

/** The parameters as a plain object, or the refusal. */
function read(
  profile: typeof kong,
  { body = '', query = '', contentType = form }: { body?: string; query?: string; contentType?: string | undefined },
) {
  const read = readParameters(profile, known, { query, contentType, body: Buffer.from(body) });
  return 'reason' in read ? read : Object.fromEntries(read.parameters);
}
const strictly = (request: Parameters<typeof read>[1]) => read(rfc9700, request);
const leniently = (request: Parameters<typeof read>[1]) => read(kong, request);

describe('Form encoding (RFC 6749 Appendix B)', () => {
  it('gives back what was encoded', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }), (pairs) => {
        const encoded = new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();
        expect([...parseForm(encoded)]).to.deep.equal(pairs);
      }),
    );
  });

  it('a repeated name is a list, in the order it came', () => {
    expect([...parseForm('a=1&b=2&a=3&a=')]).to.deep.equal([
      ['a', ['1', '3', '']],
      ['b', '2'],
    ]);
  });

  it('a name without a value is a flag, and nothing between two ampersands is nothing', () => {
    expect([...parseForm('&a&&b=&=c')]).to.deep.equal([
      ['a', true],
      ['b', ''],
      ['', 'c'],
    ]);
  });

  it('TK-22: never throws, whatever the octets are', () => {
    fc.assert(fc.property(anyText, (text) => void parseForm(text)));
  });

  it('SE-06: names that every object answers to are names like any other', () => {
    for (const name of [...Object.getOwnPropertyNames(Object.prototype), 'prototype']) {
      expect([...parseForm(`${name}=polluted`)]).to.deep.equal([[name, 'polluted']]);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).to.equal(false);
  });
});

describe('Parameters, profile rfc9700', () => {
  it('TK-02: come as a form in the body', () => {
    expect(strictly({ body: 'scope=a&code=b' })).to.deep.equal({ scope: 'a', code: 'b' });
    expect(strictly({ body: 'scope=a', contentType: `${form}; charset=UTF-8` })).to.deep.equal({ scope: 'a' });
  });

  it('TK-02: come in no other type', () => {
    for (const contentType of ['application/json', 'multipart/form-data; boundary=b', 'text/plain', '', undefined]) {
      const read = readParameters(rfc9700, known, { query: '', contentType, body: Buffer.from('scope=a') });
      expect(read, contentType).to.deep.equal({ reason: 'body_unsupported' });
    }
  });

  it('no body at all has no parameters', () => {
    expect(
      readParameters(rfc9700, known, { query: '', contentType: undefined, body: Buffer.from('') }),
    ).to.have.property('parameters');
  });

  it('AZ-02, TK-03: "MUST ignore unrecognized request parameters"', () => {
    expect(strictly({ body: 'x=1&x=2&scope=a&y' })).to.deep.equal({ scope: 'a' });
  });

  it('AZ-03, TK-03: "Parameters sent without a value MUST be treated as if they were omitted"', () => {
    expect(strictly({ body: 'scope=&state&code=b' })).to.deep.equal({ code: 'b' });
  });

  it('AZ-04, TK-03: "MUST NOT be included more than once", in whatever spelling', () => {
    for (const twice of [
      'scope=a&scope=a',
      'scope=&scope=a',
      'scope&scope',
      'scope[]=a',
      'scope[0]=a&scope=b',
      'scope[a][b]=c',
      'scope[=a',
      'sc%6fpe=a&scope=b',
    ]) {
      expect(strictly({ body: twice }), twice).to.deep.equal({ reason: 'parameter_repeated', detail: 'scope' });
    }
  });

  it('AZ-04: nor once in the query and once in the body', () => {
    expect(strictly({ body: 'scope=a', query: 'scope=a' })).to.deep.equal({
      reason: 'parameter_repeated',
      detail: 'scope',
    });
  });

  it('TK-24: mean nothing in the query', () => {
    expect(strictly({ body: 'scope=a', query: 'code=b&x=1' })).to.deep.equal({ scope: 'a' });
  });

  it('TK-22: hold no control character', () => {
    for (const character of ['%00', '%0a', '%0d', '%1f', '%7f', '%09']) {
      expect(strictly({ body: `scope=a${character}b` })).to.deep.equal({
        reason: 'parameter_malformed',
        detail: 'scope',
      });
    }
  });

  it('SE-09: may have any number of names that mean nothing', () => {
    expect(strictly({ body: `${'x&'.repeat(10_000)}scope=a` })).to.deep.equal({ scope: 'a' });
  });

  it('SE-09: a name of a million brackets is looked at once', () => {
    expect(strictly({ body: `${'['.repeat(1_000_000)}=1` })).to.deep.equal({});
    expect(strictly({ body: `scope${'['.repeat(1_000_000)}=1` })).to.include({ detail: 'scope' });
  });
});

describe('Parameters, as Kong takes them', () => {
  it('come in forms, JSON, multipart and the query', () => {
    const multipart = '--b\r\nContent-Disposition: form-data; name="scope"\r\n\r\na b\r\n--b--\r\n';
    expect(leniently({ body: 'scope=a+b' })).to.deep.equal({ scope: 'a b' });
    expect(leniently({ body: '{"scope":"a b"}', contentType: 'application/json' })).to.deep.equal({ scope: 'a b' });
    expect(leniently({ body: multipart, contentType: 'multipart/form-data; boundary=b' })).to.deep.equal({
      scope: 'a b',
    });
    expect(leniently({ query: 'scope=a%20b' })).to.deep.equal({ scope: 'a b' });
  });

  it('the body beats the query', () => {
    expect(leniently({ body: 'scope=a', query: 'scope=b&code=c' })).to.deep.equal({ scope: 'a', code: 'c' });
  });

  it('repeated ones are a list, flags are true, and JSON brings what it will', () => {
    expect(leniently({ body: 'scope=a&scope=b&state' })).to.deep.equal({ scope: ['a', 'b'], state: true });
    expect(leniently({ body: '{"state":{"a":[1,null]}}', contentType: 'application/json' })).to.deep.equal({
      state: { a: [1, null] },
    });
  });

  it('a body that cannot be read has none', () => {
    for (const body of ['{', '[1]', '"a"', 'null', '7', '\ufeff{}', '']) {
      expect(leniently({ body, contentType: 'application/json' }), body).to.deep.equal({});
    }
    for (const contentType of ['text/plain', 'multipart/form-data', 'multipart/form-data; boundary=other']) {
      expect(leniently({ body: 'scope=a', contentType }), contentType).to.deep.equal({});
    }
  });

  it('multipart: parts without a name are left out, names may be quoted or not, values are kept to the octet', () => {
    const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`;
    const body = [
      part('Content-Disposition: form-data; name=scope', ' a\r\nb '),
      part('content-disposition: form-data; filename="x"; name="state"', 'é'),
      part('Content-Type: text/plain', 'nameless'),
      '--b\r\nwithout an end of its head',
      '--b--',
    ].join('');
    expect(leniently({ body, contentType: 'multipart/form-data; boundary="b"' })).to.deep.equal({
      scope: ' a\r\nb ',
      state: 'é',
    });
  });

  it('SE-06: JSON cannot reach the prototype of anything', () => {
    const body = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const read = readParameters(kong, known, { query: '', contentType: 'application/json', body: Buffer.from(body) });
    expect('parameters' in read && [...read.parameters.keys()]).to.deep.equal(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
  });

  it('SE-09: JSON that is nested more than a thousand levels cannot be read', () => {
    const nested = (levels: number) => `{"state":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    const json = { contentType: 'application/json' };
    expect(leniently({ ...json, body: nested(1000) })).to.have.property('state');
    expect(leniently({ ...json, body: nested(1001) })).to.deep.equal({});
    expect(leniently({ ...json, body: nested(300_000) })).to.deep.equal({});
  });

  it('SE-09: may be 256 and no more', () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `x${index}=1`).join('&');
    expect(leniently({ body: names(256) })).to.have.property('x255');
    expect(leniently({ body: names(257) })).to.include({ reason: 'parameter_malformed' });
  });
});

for (const profile of [kong, rfc9700]) {
  describe(`Parameters, profile ${profile.name}`, () => {
    it('SE-09: a body larger than an endpoint reads is refused', () => {
      expect(readParameters(profile, known, { query: '', contentType: form, body: undefined })).to.deep.equal({
        reason: 'body_too_large',
      });
    });

    it('a body that did not arrive in time is refused', () => {
      expect(readParameters(profile, known, { query: '', contentType: form, body: 'late' })).to.deep.equal({
        reason: 'body_late',
      });
    });
  });
}

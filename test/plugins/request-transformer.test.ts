import { expect } from 'chai';
import fc from 'fast-check';
import { compileTemplate } from '../../src/plugins/template.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { type Call, call, compiled, pluginWorld, refusedSettings } from './world.ts';

const transformed = async (config: JsonObject, line = 'GET /a', given: Call = {}) =>
  (await call([compiled('request-transformer', config, pluginWorld())], line, given)).upstream;

const form = (body: string): Call => ({ headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body });
const json = (body: string): Call => ({ headers: { 'Content-Type': 'application/json; charset=utf-8' }, body });

describe('request-transformer', () => {
  describe('headers', () => {
    for (const [config, sent, expected] of [
      [{ remove: { headers: ['x-a'] } }, { 'X-A': '1', X_A: '2' }, {}],
      [{ rename: { headers: ['x-a:X-B'] } }, { 'X-A': '1' }, { 'x-b': '1' }],
      [{ rename: { headers: ['x-a:x-b'] } }, { 'X-C': '1' }, { 'x-c': '1' }],
      [{ replace: { headers: ['x-a:new'] } }, { 'X-A': '1' }, { 'x-a': 'new' }],
      [{ replace: { headers: ['x-a:new'] } }, {}, {}],
      [{ add: { headers: ['x-a:new:er'] } }, {}, { 'x-a': 'new:er' }],
      [{ add: { headers: ['x-a:new'] } }, { 'X-A': '1' }, { 'x-a': '1' }],
      [{ append: { headers: ['x-a:2', 'x-b:3'] } }, { 'X-A': '1' }, { 'x-a': '1, 2', 'x-b': '3' }],
      [{ remove: { headers: ['x-a'] }, add: { headers: ['x-a:new'] } }, { 'X-A': '1' }, { 'x-a': 'new' }],
    ] as const) {
      it(`${JSON.stringify(config)} makes ${JSON.stringify(expected)} of ${JSON.stringify(sent)}`, async () => {
        const { host, ...headers } = (await transformed(config as unknown as JsonObject, 'GET /a', { headers: sent }))
          .headers;
        expect(headers).to.deep.equal(expected);
      });
    }

    it('replaces Host, and does nothing else to it', async () => {
      const { headers } = await transformed({ replace: { headers: ['Host:other.example'] } });
      expect(headers).to.not.have.property('host');
      const world = pluginWorld();
      const { exchange } = await call(
        [compiled('request-transformer', { replace: { headers: ['Host:o.example'] } }, world)],
        'GET /a',
      );
      expect(exchange.request.edits?.fields.get('host')?.value).to.equal('o.example');
      for (const way of ['remove', 'append', 'add']) {
        const { exchange } = await call(
          [compiled('request-transformer', { [way]: { headers: [way === 'remove' ? 'host' : 'host:x'] } }, world)],
          'GET /a',
        );
        expect(exchange.request.edits?.fields.has('host') ?? false, way).to.equal(false);
      }
    });

    it('reads identity headers of earlier plugins, and none of the client (RS-10)', async () => {
      const world = pluginWorld();
      const alice = world.insert('consumers', { username: 'alice' });
      world.insert('keyauth_credentials', { consumer: { id: alice.id }, key: 'K1' });
      const rename = compiled('request-transformer', { rename: { headers: ['x-consumer-username:x-user'] } }, world);
      const spoofed = { 'X-Consumer-Username': 'root', apikey: 'K1' };
      const known = await call([compiled('key-auth', {}, world), rename], 'GET /a', { headers: spoofed });
      expect(known.upstream.headers).to.include({ 'x-user': 'alice' });
      const unknown = await call([rename], 'GET /a', { headers: spoofed });
      expect(unknown.upstream.headers).to.not.have.any.keys('x-user', 'x-consumer-username');
    });

    it('templates read the request as it was before the plugin changed it', async () => {
      const given = { ...json('{"a":1}'), headers: { 'x-key': '42', 'Content-Type': 'application/json' } };
      const config = {
        remove: { headers: ['x-key'] },
        rename: { headers: ['x-key:x-old'] },
        replace: { uri: '/k/$(headers["x-key"])' },
        add: {
          querystring: ["key:$(headers['x-key'])"],
          body: ['key:$(headers.x_key)'],
          headers: ['x-new:$(headers.x_key)'],
        },
      };
      const { target, body, headers } = await transformed(config, 'POST /a', given);
      expect({ target, body }).to.deep.equal({ target: '/k/42?key=42', body: '{"a":1,"key":"42"}' });
      expect(headers).to.include({ 'x-new': '42' }).and.not.have.property('x-key');
    });

    it('sends text as UTF-8, without line ends', async () => {
      const { headers } = await transformed(
        { add: { headers: ['x-a:grün', 'x-b:$(query_params.b)'] } },
        'GET /a?b=1%0d%0aX-Evil:%201',
      );
      expect(Buffer.from(headers['x-a']!, 'latin1').toString('utf8')).to.equal('grün');
      expect(headers['x-b']).to.equal('1%0D%0AX-Evil: 1');
    });
  });

  describe('query', () => {
    for (const [config, line, target] of [
      [{ remove: { querystring: ['a b'] } }, 'GET /x?a+b=1&c=%7e&a%20b', '/x?c=%7e'],
      [{ rename: { querystring: ['a:é'] } }, 'GET /x?a=%31&c', '/x?%C3%A9=%31&c'],
      [{ replace: { querystring: ['a:n&w'] } }, 'GET /x?a=1&b=2&a=3', '/x?b=2&a=n%26w'],
      [{ replace: { querystring: ['a:new'] } }, 'GET /x', '/x'],
      [{ add: { querystring: ['a:1', 'b:2'] } }, 'GET /x?a', '/x?a&b=2'],
      [{ append: { querystring: ['a:2'] } }, 'GET /x?a=1', '/x?a=1&a=2'],
    ] as const) {
      it(`${JSON.stringify(config)} makes ${target} of ${line}`, async () => {
        expect((await transformed(config as unknown as JsonObject, line)).target).to.equal(target);
      });
    }
  });

  describe('body', () => {
    const all = {
      remove: { body: ['gone'] },
      rename: { body: ['old:new'] },
      replace: { body: ['there:R', 'not-there:R'] },
      add: { body: ['there:A', 'added:A'] },
      append: { body: ['list:2', 'alone:1'] },
    };
    for (const [what, sent, expected] of [
      ['a form', form('gone=1&old=%31&there=1&list=1&keep=+'), 'new=%31&list=1&keep=+&there=R&added=A&list=2&alone=1'],
      [
        'a JSON object',
        json('{"gone":1,"old":{"a":[1]},"there":1,"list":[1],"keep":null}'),
        '{"there":"R","list":[1,"2"],"keep":null,"new":{"a":[1]},"added":"A","alone":["1"]}',
      ],
      ['JSON that is no object', json('[1]'), '[1]'],
      ['what is no JSON', json('{"gone":'), '{"gone":'],
      [
        'JSON that is too deep',
        json(`${'['.repeat(2000)}${']'.repeat(2000)}`),
        `${'['.repeat(2000)}${']'.repeat(2000)}`,
      ],
      ['something else', { headers: { 'Content-Type': 'text/plain' }, body: 'gone=1' }, 'gone=1'],
    ] as const) {
      it(`changes ${what} as configured, or keeps it`, async () => {
        expect((await transformed(all, 'POST /a', sent)).body).to.equal(expected);
      });
    }

    it('changes multipart', async () => {
      const part = (name: string, value: string) =>
        `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
      const file =
        '--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: x/y\r\n\r\n\x00\xff\r\n';
      const sent = {
        headers: { 'Content-Type': 'multipart/form-data; boundary=B' },
        body: Buffer.from(`${part('gone', '1')}${file}${part('old', 'ü')}--B--\r\n`, 'latin1'),
      };
      const world = pluginWorld();
      const config = { remove: all.remove, rename: all.rename, add: { body: ['added:é'] } };
      const { exchange, upstream } = await call([compiled('request-transformer', config, world)], 'POST /a', sent);
      expect(exchange.refusal).to.equal(undefined);
      expect(upstream.body).to.contain('name="file"; filename="f"\r\nContent-Type: x/y\r\n\r\n\x00');
      expect(upstream.body).to.contain('name="new"').and.contain('name="added"\r\n\r\né\r\n--B--');
      expect(upstream.body).to.not.contain('name="gone"');
    });

    it('treats __proto__ like any other name (SE-06)', async () => {
      const { body } = await transformed({ add: { body: ['__proto__:x'] } }, 'POST /a', json('{"__proto__":{"a":1}}'));
      expect(body).to.equal('{"__proto__":{"a":1}}');
      expect({}).to.not.have.property('a');
    });

    it('adds fields to an empty body, and leaves it empty if nothing is added', async () => {
      const add = { add: { body: ['k:v'] } };
      const type = (type: string) => ({ headers: { 'Content-Type': type } });
      expect((await transformed(add, 'POST /a', json(''))).body).to.equal('{"k":"v"}');
      expect((await transformed({ append: { body: ['k:v'] } }, 'POST /a', json(''))).body).to.equal('{"k":["v"]}');
      expect((await transformed(add, 'GET /a', type('application/json'))).body).to.equal('{"k":"v"}');
      expect((await transformed(add, 'POST /a', form(''))).body).to.equal('k=v');
      expect((await transformed(add, 'POST /a', type('multipart/form-data; boundary=B'))).body).to.equal(
        '--B\r\nContent-Disposition: form-data; name="k"\r\n\r\nv\r\n--B--\r\n',
      );
      expect((await transformed(add, 'POST /a', type('text/plain'))).body).to.equal('');
      const others = { remove: { body: ['k'] }, replace: { body: ['k:v'] }, rename: { body: ['a:b'] } };
      expect((await transformed(others, 'POST /a', json(''))).body).to.equal('');
    });

    it('keeps the text of JSON members that are not edited: numbers are not rounded', async () => {
      const sent =
        '{"n":12345678901234567890,"f":1.0,"d":{"a":[1e400, 0.1000]},"list":[98765432109876543210],"one":9007199254740993}';
      const config = { add: { body: ['k:v'] }, append: { body: ['list:x', 'one:x'] }, rename: { body: ['n:m'] } };
      expect((await transformed(config, 'POST /a', json(sent))).body).to.equal(
        '{"f":1.0,"d":{"a":[1e400, 0.1000]},"list":[98765432109876543210,"x"],"one":[9007199254740993,"x"],"m":12345678901234567890,"k":"v"}',
      );
    });

    it('refuses a body that is too large to be changed', async () => {
      const hooks = [compiled('request-transformer', { remove: { body: ['secret'] } }, pluginWorld())];
      const { response } = await call(hooks, 'POST /a', form(`secret=1&x=${'y'.repeat(9_000_000)}`));
      expect(response?.status).to.equal(413);
    });
  });

  describe('path', () => {
    const captures = (text: string) => () => ({ numbered: ['/u', text], named: new Map([['user', text]]) });
    for (const [uri, line, given, target] of [
      ['/v2', 'GET /a?b=1', {}, '/v2?b=1'],
      ['/u/$(uri_captures.user)/x', 'GET /a', { captures: captures('ann') }, '/u/ann/x'],
      ["/u/$(uri_captures['user'])", 'GET /a', { captures: captures('ann/b c') }, '/u/ann/b%20c'],
      ['/u/$(uri_captures[1])', 'GET /a', { captures: captures('ann?x#y') }, '/u/ann%3Fx%23y'],
      ["/u/$(query_params.user or 'guest')", 'GET /a?user=a/b', {}, '/u/a%2Fb?user=a/b'],
      ["/u/$(query_params.user or 'guest')", 'GET /a', {}, '/u/guest'],
      ['/u/$(headers["X-User"])/é', 'GET /a', { headers: { 'x-user': 'ü' } }, '/u/%C3%BC/%C3%A9'],
      ['/n/$(uri_captures[1])', 'GET /a', { captures: captures('50%25off') }, '/n/50%25off'],
      ['/n/$(uri_captures.user)', 'GET /a', { captures: captures('a+b/c%2Fd;e=é') }, '/n/a+b/c%2Fd;e=%C3%A9'],
      ['/n/$(query_params.v)', 'GET /a?v=50%25off', {}, '/n/50%25off?v=50%25off'],
      ['/u/$(headers.x_user)', 'GET /a', { headers: { 'x-user': 'u' } }, '/u/u'],
    ] as const) {
      it(`${uri} is ${target} for ${line}`, async () => {
        expect((await transformed({ replace: { uri } }, line, given)).target).to.equal(target);
      });
    }

    it('no value of a client leaves the segment that it fills', async () => {
      for (const [uri, line, given] of [
        ['/u/$(query_params.user)/x', 'GET /a?user=..', {}],
        ['/u/$(query_params.user)/x', 'GET /a?user=%2e%2e', {}],
        ['/u/$(uri_captures[1])', 'GET /a', { captures: captures('a/../../admin') }],
      ] as const) {
        const { response } = await call(
          [compiled('request-transformer', { replace: { uri } }, pluginWorld())],
          line,
          given,
        );
        expect(response?.status, line).to.equal(400);
      }
    });
  });

  describe('http_method', () => {
    it('is the method of the upstream request', async () => {
      expect((await transformed({ http_method: 'PUT' }, 'POST /a', json('{}'))).method).to.equal('PUT');
    });

    it('GET moves the fields of a form into the query', async () => {
      const { method, target } = await transformed({ http_method: 'GET' }, 'POST /a?x=1&b=2', form('b=3&c=%C3%A9'));
      expect({ method, target }).to.deep.equal({ method: 'GET', target: '/a?x=1&b=3&c=%C3%A9' });
    });
  });

  describe('settings', () => {
    for (const [wrong, where] of [
      [{ add: { headers: ['x-a'] } }, 'config.add.headers'],
      [{ add: { headers: ['Content-Length:1'] } }, 'config.add.headers'],
      [{ remove: { headers: ['Transfer-Encoding'] } }, 'config.remove.headers'],
      [{ rename: { headers: ['x-a:Connection'] } }, 'config.rename.headers'],
      [{ rename: { headers: ['x-a:a b'] } }, 'config.rename.headers'],
      [{ add: { body: [':x'] } }, 'config.add.body'],
      [{ add: { querystring: ['a:$(os.execute())'] } }, 'config.add.querystring'],
      [{ replace: { uri: 'no-slash' } }, 'config.replace.uri'],
      [{ replace: { uri: '/a?b=1' } }, 'config.replace.uri'],
      [{ replace: { uri: '/$(uri_captures.a' } }, 'config.replace.uri'],
      [{ replace: { uri: '/$(shared.x)' } }, 'config.replace.uri'],
      [{ http_method: 'get' }, 'config.http_method'],
      [{ http_method: 'CONNECT' }, 'config.http_method'],
    ] as const) {
      it(`refuses ${JSON.stringify(wrong)} and names the field`, () => {
        expect(refusedSettings('request-transformer', wrong as unknown as JsonObject)).to.have.nested.property(where);
      });
    }
  });
});

describe('A template', () => {
  const sources = {
    headers: (name: string) => (name === 'h' ? 'H' : undefined),
    query_params: () => undefined,
    uri_captures: () => '',
  };

  it('is literal text without expressions', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes('$('));
        const template = compileTemplate(text);
        expect(typeof template === 'function' && template(sources)).to.equal(text);
      }),
    );
  });

  it('uses the first value that exists, and otherwise nothing', () => {
    for (const [text, expected] of [
      ["$(query_params.a or headers.h or 'x')", 'H'],
      ['<$(query_params.a)>', '<>'],
      ["$(uri_captures.a or 'x')", ''],
      ['$( headers.h )$(headers.h)', 'HH'],
      ["$('a)b')", 'a)b'],
    ]) {
      const template = compileTemplate(text!);
      expect(typeof template === 'function' && template(sources), text).to.equal(expected);
    }
  });

  it('is refused where its terms are not joined by the word or', () => {
    for (const text of [
      "$(headers.h 'x')",
      "$(headers.h and 'x')",
      '$(headers.h ORheaders.h)',
      '$(headers.h orheaders.h)',
      "$(headers.h or_ 'x')",
      '$(headers.h or)',
      '$()',
    ]) {
      expect(compileTemplate(text), text).to.have.property('refused');
    }
  });

  it('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      '$(',
      ')',
      'headers',
      '.a',
      '["b"]',
      "['c']",
      '[1]',
      ' or ',
      '"',
      "'",
      'x',
      '((',
      '..',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (text) => {
        const template = compileTemplate(text.join(''));
        if (typeof template === 'function') template(sources);
        else expect(template.refused).to.be.a('string');
      }),
    );
  });
});

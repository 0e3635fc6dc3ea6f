/**
 * Bad input to the Admin API, over real sockets: every endpoint that it lists, with wrong keys, queries and bodies. Each
 * request is refused by name or done, never with a 5xx. A refused request stores nothing. No secret appears in a log, an
 * error, or a list.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { canaries, canariesIn, stored, strays } from '../support/canaries.ts';
import {
  encoded,
  encodings,
  hostileJson,
  hostileNames,
  hostileText,
  hostileTexts,
  hostileValue,
  type Pair,
  sentTo,
} from '../support/hostile-requests.ts';
import { type Body, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type Answered, caller, rawCall, type Sent, statusOf } from '../support/sockets.ts';

/** Thousands with PORTCULLIS_FUZZ_RUNS. */
const runs = Number(process.env['PORTCULLIS_FUZZ_RUNS'] ?? 40);

/** A valid body, for collections whose rows need no other row. */
const good: Readonly<Record<string, readonly Pair[]>> = {
  services: [['url', 'http://127.0.0.1:1/x']],
  routes: [['paths', ['/nowhere']]],
  plugins: [
    ['name', 'oauth2'],
    ['config', { enable_client_credentials: true }],
  ],
  oauth2_credentials: [
    ['name', 'x'],
    ['redirect_uris', ['https://x.example/']],
  ],
  oauth2_tokens: [['expires_in', 60]],
  basicauth_credentials: [['password', canaries.attempt]],
  acls: [['group', 'x']],
  upstreams: [['name', 'u.example']],
  targets: [['target', '127.0.0.1:1']],
};

describe('Bad input at the Admin API', function () {
  this.timeout(60_000 + runs * 500);
  let gate: TestGate;
  let port: number;
  let calls: ReturnType<typeof caller>;
  let endpoints: readonly string[];
  /** A row of each collection, by its placeholder in a path. */
  const rows = new Map<string, { readonly path: string; readonly id: string; readonly fields: readonly string[] }>();

  before(async () => {
    gate = await openTestGate();
    calls = caller();
    port = Number(new URL(gate.admin).port);
    await gate.setUp('POST', '/services', { name: 'victim', url: 'http://127.0.0.1:1' });
    await gate.setUp('POST', '/services/victim/routes', { name: 'victim', paths: ['/victim'] });
    await gate.setUp('POST', '/services/victim/plugins', {
      name: 'oauth2',
      config: { enable_client_credentials: true, provision_key: canaries.provisionKey },
    });
    const { id: consumer } = await gate.setUp('POST', '/consumers', { username: 'victim' });
    const below = (path: string, body: Body) => gate.setUp('POST', `/consumers/${consumer}/${path}`, body);
    const credential = await below('oauth2', {
      name: 'victim',
      client_id: 'victim',
      client_secret: canaries.clientSecret,
      redirect_uris: ['https://app.example/cb'],
    });
    await gate.setUp('POST', '/oauth2_tokens', {
      credential: { id: credential.id },
      access_token: canaries.accessToken,
      refresh_token: canaries.refreshToken,
      expires_in: 7200,
    });
    await below('key-auth', { key: canaries.apiKey });
    await below('basic-auth', { username: 'victim', password: canaries.password });
    await below('jwt', { key: 'victim', secret: canaries.jwtSecret });
    await below('acls', { group: 'victim' });

    endpoints = (await gate.setUp('GET', '/endpoints')).data;
    for (const path of endpoints) {
      const [, collection, word] = /^(\/[^/{]+)\/\{([^}]+)\}$/.exec(path) ?? [];
      const schema = await fetch(`${gate.admin}/schemas/${word}`);
      if (collection === undefined || word === undefined || !schema.ok) {
        await schema.body?.cancel();
        continue;
      }
      const fields = ((await schema.json()) as Body).fields.flatMap((field: object) => Object.keys(field));
      const { data } = await gate.setUp('GET', collection);
      rows.set(word, { path: collection, id: data[0]?.id ?? '00000000-0000-4000-8000-000000000000', fields });
    }
  });
  /** Removes accepted rows, so that the rest can be read in one page. */
  afterEach(async () => {
    for (const { path, id: kept } of rows.values()) {
      for (const { id } of (await gate.setUp('GET', `${path}?size=1000`)).data) {
        if (id !== kept) await fetch(`${gate.admin}${path}/${id}`, { method: 'DELETE' });
      }
    }
  });
  after(async () => {
    calls.close();
    await gate.close();
  });

  const hostileKey = fc.oneof(
    fc.constantFrom(
      '__proto__',
      'constructor',
      '%00',
      '%',
      '%zz',
      '..',
      '%2e%2e%2f',
      '{"$gt":""}',
      '%E0%A4%A',
      '%ED%A0%80',
      'k'.repeat(5_000),
      'a'.repeat(2_000),
      canaries.attempt,
      '00000000-0000-4000-8000-000000000000',
      '*',
    ),
    hostileText.map((text) => encodeURIComponent(text.replace(/[\ud800-\udfff]/g, 'x'))),
  );
  const query = fc.oneof(
    { arbitrary: fc.constant(''), weight: 3 },
    fc
      .array(
        fc.tuple(
          fc.constantFrom('size', 'offset', 'tags', 'client_id', 'custom_id', '__proto__', 'x'),
          fc.oneof(hostileText, fc.constantFrom('0', '-1', '1e9', '1001', 'W10=', 'bnVsbA==', 'a,b/c', ',')),
        ),
        { maxLength: 3 },
      )
      .map((pairs) => `?${new URLSearchParams(pairs)}`),
  );

  /** The placeholder of the collection that a path ends in. */
  const wordOf = (path: string): string =>
    /\{([^}]+)\}$/.exec(path)?.[1] ??
    [...rows].find(([, { path: collection }]) => path.endsWith(collection))?.[0] ??
    [...rows.keys()].find((word) => path.endsWith(`/${word}`)) ??
    'services';

  const request = fc
    .nat()
    // Endpoints that write a whole configuration have their own test.
    .map((at) => endpoints.filter((path) => !path.startsWith('/config'))[at % (endpoints.length - 2)] ?? '/services')
    .chain((endpoint) => {
      const word = wordOf(endpoint);
      const fields = [...(rows.get(word)?.fields ?? []), 'url', 'redirect_uri', 'config.scopes'];
      const field = fc.oneof(
        { arbitrary: fc.constantFrom(...fields), weight: 5 },
        fc.constantFrom(...hostileNames),
        fc.constantFrom(...fields).map((name) => `${name}[]`),
      );
      return fc.record({
        endpoint: fc.constant(endpoint),
        keys: fc.array(fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, hostileKey), {
          minLength: 2,
          maxLength: 2,
        }),
        method: fc.constantFrom('GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE'),
        query,
        encoding: fc.constantFrom(...encodings.filter((encoding) => encoding !== 'query' && encoding !== 'both')),
        base: fc.constantFrom<readonly Pair[]>(good[word] ?? [], []),
        pairs: fc.array(fc.tuple(field, hostileValue), { maxLength: 4 }),
      });
    })
    .map(({ endpoint, keys, method, query, encoding, base, pairs }): Sent => {
      let real = true;
      let next = 0;
      const path = endpoint.replace(/\{([^}]+)\}/g, (_, word: string) => {
        const key = keys[next++ % keys.length];
        if (key !== undefined) real = false;
        return key ?? rows.get(word)?.id ?? 'services';
      });
      // The rows of these tests stay.
      const safe = method === 'DELETE' && real ? 'GET' : method;
      return sentTo(gate.admin, path + query, encoded([...base, ...pairs], encoding), { method: safe });
    });

  async function judgeAll(requests: readonly Sent[]): Promise<void> {
    const before = await stored(gate);
    let done = false;
    for (const request of requests) {
      const response = await calls.send(request);
      done ||= response.status < 300 && request.method !== 'GET';
      judge(response, request);
    }
    if (!done) expect(await stored(gate)).to.equal(before);
  }

  /** Sends each value in each field of each entity. Accepted rows are removed, and no other row may remain. */
  async function inEveryField(values: readonly unknown[]): Promise<void> {
    for (const [word, { path, fields }] of rows) {
      const before = await stored(gate);
      for (const field of fields) {
        const others = (good[word] ?? []).filter(([name]) => name !== field);
        for (const value of values) {
          const request = sentTo(gate.admin, path, encoded([...others, [field, value]], 'json'));
          const response = await calls.send(request);
          judge(response, request);
          if (response.status !== 201) continue;
          const removed = await fetch(`${gate.admin}${path}/${JSON.parse(response.text).id}`, { method: 'DELETE' });
          expect(removed.status).to.equal(204);
        }
      }
      expect(await stored(gate), word).to.equal(before);
    }
  }

  function judge({ status, type, text }: Answered, { method, url, body }: Sent): void {
    expect(status, `${method} ${url.slice(0, 200)}: ${text.slice(0, 300)}`).to.be.within(200, 499);
    if (status < 400) return;
    if (status === 415) expect(type).to.match(/^text\/html/);
    else {
      expect(type, text).to.match(/^application\/json/);
      expect(JSON.parse(text).message).to.be.a('string').with.length.greaterThan(0);
    }
    // An error may repeat only what the client sent.
    const sent = url + body.toString('utf8');
    expect(canariesIn(text).filter((secret) => !sent.includes(secret))).to.deep.equal([]);
  }

  it('TK-22, SE-06, SE-07: every endpoint refuses any input by name, or accepts it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(request, { minLength: 8, maxLength: 12 }), judgeAll), { numRuns: runs });
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('SE-07: every field of every entity as an operator, a list, a number and null is refused by name, or accepted', () =>
    inEveryField(hostileJson));

  it('TK-22: every field of every entity with NUL, control characters and a megabyte', () => {
    const unprintable = hostileTexts.filter((text) => /[\0-\x1f\x7f\ud800]/.test(text) || text.length > 1_000);
    const texts = [...unprintable, 'a'.repeat(1_048_576)];
    return inEveryField(texts.map((text, n) => (n % 2 === 0 ? text : [text])));
  });

  it('SE-09: forms of many fields, names of many steps, and JSON of many levels', async () => {
    const deepName = `a${'[b]'.repeat(10_000)}=x`;
    const bodies: readonly (readonly [type: string, body: string])[] = [
      ['application/x-www-form-urlencoded', Array.from({ length: 20_000 }, (_, n) => `f${n}=x`).join('&')],
      ['application/x-www-form-urlencoded', Array.from({ length: 20_000 }, () => 'tags[]=x').join('&')],
      ['application/x-www-form-urlencoded', deepName],
      ['application/x-www-form-urlencoded', `tags[999999999]=x&tags[4294967296]=y`],
      ['application/x-www-form-urlencoded', '__proto__[polluted]=1&constructor.prototype.polluted=1'],
      ['application/json', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
      ['application/json', `{"tags":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
      ['application/json', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'],
      ['application/json', '{"username":"a","username":"b"}'],
      ['application/json', '\ufeff{"username":"bom"}'],
      ['application/json', '"text"'],
      ['application/json', 'null'],
      ['application/json', '[1]'],
      ['application/json', ''],
      ['application/json', '{'],
      ['multipart/form-data', '--x'],
      ['multipart/form-data; boundary=B', '--B\r\nContent-Disposition: form-data; name="username"\r\n\r\nhalf'],
      ['text/xml', '<username/>'],
    ];
    for (const path of [
      '/consumers',
      '/services',
      '/routes',
      '/plugins',
      '/consumers/victim/oauth2',
      '/oauth2_tokens',
    ]) {
      for (const [type, body] of bodies) {
        const request = sentTo(gate.admin, path, { query: '', type, body: Buffer.from(body) });
        judge(await calls.send(request), request);
      }
    }
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('unknown fields are refused by name, and nothing is stored', async () => {
    for (const [word, { path }] of rows) {
      const before = await stored(gate);
      const request = sentTo(gate.admin, path, encoded([...(good[word] ?? []), ['no_such_field', 1]], 'json'));
      const response = await calls.send(request);
      expect(response.status, path).to.equal(400);
      expect(JSON.parse(response.text).fields, path).to.have.property('no_such_field');
      expect(await stored(gate)).to.equal(before);
    }
  });

  describe('requests that no client would send', () => {
    const head = (lines: readonly string[]) => [...lines, '', ''].join('\r\n');
    const body = JSON.stringify({ username: 'half', custom_id: canaries.attempt });
    const post = ['POST /consumers HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json'];
    const cut: readonly (readonly [what: string, octets: string])[] = [
      ['a body that ends too early', head([...post, 'Content-Length: 4000']) + body],
      ['a body of which the last octet is missing', head([...post, `Content-Length: ${body.length + 1}`]) + body],
      ['a chunk that ends too early', `${head([...post, 'Transfer-Encoding: chunked'])}ff\r\n${body}`],
      [
        'chunks without an end',
        `${head([...post, 'Transfer-Encoding: chunked'])}${body.length.toString(16)}\r\n${body}\r\n`,
      ],
    ];
    for (const [what, octets] of cut) {
      for (const then of ['end', 'break'] as const) {
        it(`TK-22: ${what}, and ${then === 'end' ? 'then the end' : 'the client disconnects'}: nothing is stored`, async () => {
          const before = await stored(gate);
          const response = await rawCall(port, octets, then);
          expect(statusOf(response), response).to.be.oneOf([0, 400]);
          expect(await stored(gate)).to.equal(before);
        });
      }
    }

    it('SE-09: a header of 64 KB gets a 431, and so do 2,000 of them', async () => {
      for (const lines of [
        [`X-Large: ${'h'.repeat(65_536)}`],
        Array.from({ length: 2_000 }, (_, n) => `X-Many-${n}: ${'v'.repeat(24)}`),
      ]) {
        const response = await rawCall(port, head(['GET /services HTTP/1.1', 'Host: 127.0.0.1', ...lines]), 'end');
        expect(statusOf(response), response.slice(0, 200)).to.equal(431);
      }
    });

    it('SE-09: a body of more than the limit gets a 413 and is not read', async () => {
      const response = await rawCall(port, head([...post, 'Content-Length: 99999999999']), 'end');
      expect(statusOf(response), response).to.equal(413);
    });

    for (const [what, lines] of [
      ['NUL in the target', ['GET /\0 HTTP/1.1', 'Host: 127.0.0.1']],
      ['two lengths', [...post, 'Content-Length: 1', 'Content-Length: 2']],
      ['a length and chunks', [...post, 'Content-Length: 5', 'Transfer-Encoding: chunked']],
      ['a control character in a header', ['GET /services HTTP/1.1', 'Host: 127.0.0.1', 'X-A: a\u0001b']],
      ['an unknown method', ['FROBNICATE /services HTTP/1.1', 'Host: 127.0.0.1']],
      ['another host name', ['GET /services HTTP/1.1', 'Host: evil.example']],
      ['a page of another origin', ['GET /services HTTP/1.1', 'Host: 127.0.0.1', 'Origin: https://evil.example']],
      ['TLS', ['\u0016\u0003\u0001\u0000\u00a5\u0001\u0000']],
    ] as const) {
      it(`TK-22, SE-13: ${what} gets a 4xx`, async () => {
        const response = await rawCall(port, head([...lines, 'Connection: close']), 'end');
        expect(statusOf(response), response).to.be.within(400, 499);
      });
    }
  });

  describe('after all these requests', () => {
    it('SE-02: no secret is in a log, or in a list where it does not belong', async () => {
      expect(await strays(gate)).to.deep.equal([]);
    });

    it('the rows of these tests are unchanged, and their routes are still protected', async () => {
      expect((await gate.get('/victim', 'unknown')).status).to.equal(401);
    });

    it('the gate logged no internal error', () => {
      expect(gate.log.filter((line) => /"level":"(?:error|fatal)"/.test(line))).to.deep.equal([]);
    });
  });
});

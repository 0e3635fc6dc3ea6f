/**
 * Bad input to the endpoints of an authorization server and to a protected route, over real sockets: it gets a clear 4xx or
 * is served, never a 5xx. Nothing is stored halfway, and no secret appears in a log or a response.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { canaries, canariesIn, stored, strays } from '../support/canaries.ts';
import {
  credentialHeaders,
  type Encoding,
  encoded,
  encodings,
  hostileTexts,
  type Pair,
  sentTo,
  spoilt,
} from '../support/hostile-requests.ts';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type Answered, caller, rawCall, type Sent, statusOf } from '../support/sockets.ts';

/** Thousands with PORTCULLIS_FUZZ_RUNS. */
const runs = Number(process.env['PORTCULLIS_FUZZ_RUNS'] ?? 80);

describe('Bad input at the gate', function () {
  this.timeout(60_000 + runs * 500);
  let gate: TestGate;
  let port: number;
  let calls: ReturnType<typeof caller>;
  let errorOutput = '';
  const writeError = process.stderr.write;
  const issued = new Set<string>();
  before(async () => {
    process.stderr.write = ((text: string | Uint8Array) => {
      errorOutput += String(text);
      return true;
    }) as typeof writeError;
    gate = await openTestGate();
    calls = caller();
    port = Number(new URL(gate.proxy).port);
    await gate.setUp('POST', '/consumers', { username: 'alice' });
    await gate.setUp('POST', '/consumers/alice/oauth2', {
      name: 'app',
      client_id: 'app',
      client_secret: canaries.clientSecret,
      redirect_uris: ['https://app.example/cb'],
    });
    for (const [name, profile, provisionKey] of [
      ['lenient', 'kong', canaries.provisionKey],
      ['strict', 'rfc9700', canaries.strictProvisionKey],
    ] as const) {
      const legacy = profile === 'kong' ? { enable_implicit_grant: true, enable_password_grant: true } : {};
      const { id } = await gate.setUp('POST', '/services', { name, url: gate.upstream });
      await gate.setUp('POST', `/services/${name}/routes`, { paths: [`/${name}`] });
      await gate.setUp('POST', `/services/${name}/plugins`, {
        name: 'oauth2',
        config: {
          profile,
          provision_key: provisionKey,
          scopes: ['read', 'write'],
          enable_authorization_code: true,
          enable_client_credentials: true,
          // Otherwise every response would be that there were too many attempts.
          limit_failures: false,
          ...legacy,
        },
      });
      if (profile === 'kong') {
        const token = { credential: { client_id: 'app' }, service: { id }, expires_in: 7200 };
        await gate.setUp('POST', '/oauth2_tokens', { ...token, access_token: canaries.accessToken });
        await gate.setUp('POST', '/oauth2_tokens', { ...token, refresh_token: canaries.refreshToken });
      }
    }
  });
  after(async () => {
    process.stderr.write = writeError;
    calls.close();
    await gate.close();
  });

  const basic = `Basic ${Buffer.from(`app:${canaries.clientSecret}`).toString('base64')}`;
  const client: readonly Pair[] = [
    ['client_id', 'app'],
    ['client_secret', canaries.clientSecret],
  ];
  const owner = (provisionKey: string): readonly Pair[] => [
    ['provision_key', provisionKey],
    ['authenticated_userid', 'ada'],
  ];
  const goodRequests: Readonly<Record<'token' | 'authorize', readonly (readonly Pair[])[]>> = {
    token: [
      [['grant_type', 'client_credentials'], ...client, ['scope', 'read']],
      [['grant_type', 'password'], ...client, ...owner(canaries.provisionKey)],
      [['grant_type', 'refresh_token'], ...client, ['refresh_token', canaries.attempt]],
      [
        ['grant_type', 'authorization_code'],
        ...client,
        ['code', canaries.attempt],
        ['code_verifier', canaries.verifier],
        ['redirect_uri', 'https://app.example/cb'],
      ],
    ],
    authorize: [
      [['response_type', 'code'], ['client_id', 'app'], ['scope', 'read'], ...owner(canaries.provisionKey)],
      [
        ...([
          ['response_type', 'code'],
          ['client_id', 'app'],
          ['redirect_uri', 'https://app.example/cb'],
          ['code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
          ['code_challenge_method', 'S256'],
        ] as const),
        ...owner(canaries.strictProvisionKey),
      ],
    ],
  };
  const names = [
    ...new Set([
      ...Object.values(goodRequests)
        .flat(2)
        .map(([name]) => name),
      'state',
      'username',
      'password',
      'request',
      'request_uri',
    ]),
  ];

  /** The requests of a run and their responses, in order. If none was granted, nothing may have been stored. */
  async function judgeAll(requests: readonly Sent[]): Promise<void> {
    const before = await stored(gate);
    let granted = false;
    for (const request of requests) {
      const response = await calls.send(request);
      granted ||= response.status < 300;
      judge(response);
    }
    if (!granted) expect(await stored(gate)).to.equal(before);
  }

  function judge({ status, type, text }: Answered): void {
    expect(status, text).to.be.within(200, 499);
    expect(type).to.match(/^application\/json/);
    const body = JSON.parse(text);
    for (const name of ['access_token', 'refresh_token']) if (name in body) issued.add(body[name]);
    if (typeof body.redirect_uri === 'string') {
      // Only `state` may repeat what the client sent.
      const back = new URL(body.redirect_uri);
      expect(back.origin + back.pathname).to.equal('https://app.example/cb');
      const parameters = new URLSearchParams(back.search || back.hash.slice(1));
      for (const name of ['code', 'access_token']) if (parameters.has(name)) issued.add(parameters.get(name)!);
      for (const name of [...parameters.keys()].filter((name) => /^state/.test(name))) parameters.delete(name);
      expect(canariesIn(parameters.toString())).to.deep.equal([]);
    } else if (status >= 400) {
      expect(body.error).to.match(/^[a-z_]+$/);
      // "Values for the "error_description" parameter MUST NOT include characters outside" these (RFC 6749 §5.2); the
      // quotes are Kong's own.
      expect(body.error_description).to.match(/^[\x20-\x5b\x5d-\x7e]+$/);
      const { state: _, ...rest } = body;
      expect(canariesIn(JSON.stringify(rest))).to.deep.equal([]);
    }
  }

  for (const place of ['/lenient', '/strict', '']) {
    for (const endpoint of ['token', 'authorize'] as const) {
      const path = `${place}/oauth2/${endpoint}`;
      it(`TK-03, TK-14, TK-22, SE-06, SE-07: POST ${path} with any mutation is granted or refused by name`, async () => {
        const request = fc
          .constantFrom(...goodRequests[endpoint])
          .chain((good) =>
            fc.record({
              pairs: spoilt(good, names),
              encoding: fc.constantFrom(...encodings),
              authorization: credentialHeaders(basic),
            }),
          )
          .map(({ pairs, encoding, authorization }) =>
            sentTo(gate.proxy, path, encoded(pairs, encoding), { authorization }),
          );
        await fc.assert(fc.asyncProperty(fc.array(request, { minLength: 6, maxLength: 12 }), judgeAll), {
          numRuns: Math.ceil(runs / 10),
        });
        expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
      });
    }
  }

  it('the requests of these tests are granted without a mutation', async () => {
    const response = await calls.send(
      sentTo(gate.proxy, '/lenient/oauth2/token', encoded(goodRequests.token[0]!, 'form')),
    );
    expect(response.status).to.equal(200);
    const [plain, withChallenge] = goodRequests.authorize as [readonly Pair[], readonly Pair[]];
    for (const [place, good] of [
      ['/lenient', plain],
      ['/strict', withChallenge],
    ] as const) {
      const code = await calls.send(sentTo(gate.proxy, `${place}/oauth2/authorize`, encoded(good, 'form')));
      expect(code.status).to.equal(200);
      judge(code);
    }
  });

  for (const place of ['/lenient', '/strict']) {
    const twice: readonly (readonly [where: string, encoding: Encoding, double: readonly Pair[]])[] = names.flatMap(
      (name) =>
        (['form', 'json', 'multipart', 'query', 'both'] as const).map(
          (encoding) =>
            [
              `${name} (${encoding})`,
              encoding,
              [...goodRequests.token[0]!, [name, 'one'], [name, 'two'], [`${name}[]`, 'three'], [`${name}[0]`, 'four']],
            ] as const,
        ),
    );
    it(`TK-03, AZ-04: every parameter repeated, in every position, at ${place}`, async () => {
      for (const [where, encoding, pairs] of twice) {
        for (const endpoint of ['token', 'authorize'] as const) {
          const response = await calls.send(
            sentTo(gate.proxy, `${place}/oauth2/${endpoint}`, encoded(pairs, encoding)),
          );
          expect(response.status, where).to.be.below(500);
          const known = goodRequests[endpoint].flat().some(([name]) => where.startsWith(`${name} `));
          if (place === '/strict' && known) expect(response.status, where).to.be.within(400, 499);
          judge(response);
        }
      }
    });

    it(`TK-22: every parameter with NUL, control characters and a megabyte, at ${place}`, async () => {
      const good = new Map(goodRequests.token[0]);
      for (const name of names) {
        for (const value of [...hostileTexts, 'a'.repeat(1_048_576), 'a'.repeat(900_000)]) {
          const pairs = [...new Map<string, unknown>([...good, [name, value]])];
          const response = await calls.send(sentTo(gate.proxy, `${place}/oauth2/token`, encoded(pairs, 'form')));
          judge(response);
          if (value.length > 1_048_000) expect(response.status, name).to.equal(413);
        }
      }
    });

    it(`SE-09: more parameters, and deeper JSON, than any real request has, at ${place}`, async () => {
      const many: readonly Pair[] = Array.from({ length: 20_000 }, (_, n) => [`p${n}`, 'x']);
      const deep = Buffer.from(`{"client_id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
      for (const endpoint of ['token', 'authorize']) {
        const path = `${place}/oauth2/${endpoint}`;
        judge(await calls.send(sentTo(gate.proxy, path, encoded([...goodRequests.token[0]!, ...many], 'form'))));
        judge(await calls.send(sentTo(gate.proxy, path, { query: '', type: 'application/json', body: deep })));
      }
    });
  }

  it('CA-03, TK-24: in rfc9700 a secret in the query does not authenticate, and is in no response and no log line', async () => {
    const response = await calls.send(
      sentTo(gate.proxy, '/strict/oauth2/token', encoded(goodRequests.token[0]!, 'query')),
    );
    expect(response.status).to.equal(400);
    judge(response);
  });

  describe('a protected route', () => {
    const carries = fc.record({
      authorization: credentialHeaders(`Bearer ${canaries.attempt}`),
      encoding: fc.constantFrom(...encodings),
      method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
      pairs: spoilt([['access_token', canaries.attempt]], ['access_token', 'x']),
      place: fc.constantFrom('/lenient/x', '/strict/x', '/lenient/%00', '/strict/oauth2/tokens', '/oauth2/tokens'),
    });

    it('RS-02, RS-09, TK-22: no malformed token is admitted, and each is refused by name', async () => {
      await fc.assert(
        fc.asyncProperty(carries, async ({ authorization, encoding, method, pairs, place }) => {
          // The one valid token is not part of this test.
          fc.pre(!JSON.stringify(pairs).includes(canaries.accessToken));
          const request = sentTo(gate.proxy, place, encoded(pairs, encoding), { method, authorization });
          const { status, text } = await calls.send(request);
          expect(status, text).to.be.within(400, 499);
          if (place.endsWith('/x')) expect(status).to.be.oneOf([400, 401]);
          expect(canariesIn(text)).to.deep.equal([]);
        }),
        { numRuns: runs },
      );
    });

    it('a valid token is admitted', async () => {
      expect((await gate.get('/lenient/x', canaries.accessToken)).status).to.equal(200);
    });

    it('SE-06: a body with __proto__ goes upstream unchanged', async () => {
      const text = '{"__proto__":{"polluted":1}}';
      const response = await fetch(`${gate.proxy}/lenient/x`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${canaries.accessToken}`, 'Content-Type': 'application/json' },
        body: text,
      });
      expect(((await response.json()) as { body: string }).body).to.equal(text);
    });
  });

  describe('requests that no client would send', () => {
    const head = (lines: readonly string[]) => [...lines, '', ''].join('\r\n');
    const token = ['POST /lenient/oauth2/token HTTP/1.1', 'Host: 127.0.0.1', 'Connection: close'];
    const form = 'Content-Type: application/x-www-form-urlencoded';
    const body = `grant_type=client_credentials&client_id=app&client_secret=${canaries.clientSecret}`;

    const cut: readonly (readonly [what: string, octets: string])[] = [
      ['a body that ends too early', head([...token, form, 'Content-Length: 4000']) + body],
      ['a chunk that ends too early', `${head([...token, form, 'Transfer-Encoding: chunked'])}ff\r\n${body}`],
      ['chunks without an end', `${head([...token, form, 'Transfer-Encoding: chunked'])}4\r\nbody\r\n`],
      ['a head that ends too early', `${token.join('\r\n')}\r\nAuthorization: Bearer ${canaries.attempt}`],
      ['half a request line', 'POST /lenient/oauth2/tok'],
    ];
    for (const [what, octets] of cut) {
      for (const then of ['end', 'break'] as const) {
        it(`TK-22: ${what}, and ${then === 'end' ? 'then the end' : 'the client disconnects'}: nothing is issued`, async () => {
          const before = await stored(gate);
          const response = await rawCall(port, octets, then);
          expect(statusOf(response), response).to.be.oneOf([0, 400]);
          expect(canariesIn(response)).to.deep.equal([]);
          expect(await stored(gate)).to.equal(before);
        });
      }
    }

    for (const [what, octets] of [
      ['a chunk without a size', `${head([...token, form, 'Transfer-Encoding: chunked'])}zz\r\n${body}`],
      [
        'a chunk that is longer than it says',
        `${head([...token, form, 'Transfer-Encoding: chunked'])}4\r\n${body}\r\n0\r\n\r\n`,
      ],
    ] as const) {
      it(`TK-22: ${what} gets a 400, and nothing is issued`, async () => {
        const before = await stored(gate);
        const response = await rawCall(port, octets);
        expect(statusOf(response), response).to.equal(400);
        expect(canariesIn(response)).to.deep.equal([]);
        expect(await stored(gate)).to.equal(before);
      });
    }

    const large = 'h'.repeat(65_536);
    for (const [what, lines] of [
      ['a header', [`X-Large: ${large}`]],
      ['an Authorization header', [`Authorization: Bearer ${large}`]],
      ['a Basic header', [`Authorization: Basic ${Buffer.from(`app:${large}`).toString('base64')}`]],
      ['many headers', Array.from({ length: 2_000 }, (_, n) => `X-Many-${n}: ${'v'.repeat(24)}`)],
      ['a cookie', [`Cookie: ${large}`]],
    ] as const) {
      it(`SE-09: ${what} of 64 KB gets a 431, at an endpoint and at a protected route`, async () => {
        for (const path of ['/lenient/oauth2/token', '/strict/x']) {
          const response = await rawCall(port, head([`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines]), 'end');
          expect(statusOf(response), response.slice(0, 200)).to.equal(431);
        }
      });
    }

    it('SE-09: a target of 64 KB gets a 414 or 431', async () => {
      const response = await rawCall(port, head([`GET /lenient/x?q=${large} HTTP/1.1`, 'Host: 127.0.0.1']), 'end');
      expect(statusOf(response)).to.be.oneOf([414, 431]);
    });

    for (const [what, lines] of [
      ['NUL in a header', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', 'X-A: a\0b']],
      ['a control character in a header', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', 'X-A: a\u0001b']],
      ['a bare CR in a header', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', 'X-A: a\rX-B: b']],
      ['a header without a name', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', ': x']],
      ['a header with a blank in its name', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', 'X A: x']],
      ['a folded header', ['GET /lenient/x HTTP/1.1', 'Host: 127.0.0.1', 'X-A: a', ' b']],
      ['two Hosts', ['GET /lenient/x HTTP/1.1', 'Host: a', 'Host: b']],
      ['no Host', ['GET /lenient/x HTTP/1.1', 'X-A: a']],
      ['two lengths', ['POST /lenient/x HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2']],
      ['a negative length', ['POST /lenient/x HTTP/1.1', 'Host: a', 'Content-Length: -1']],
      [
        'a length and chunks',
        ['POST /lenient/x HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Transfer-Encoding: chunked'],
      ],
      ['an unknown encoding', ['POST /lenient/x HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip, identity']],
      ['NUL in the target', ['GET /lenient/\0 HTTP/1.1', 'Host: 127.0.0.1']],
      ['a blank in the target', ['GET /lenient/a b HTTP/1.1', 'Host: 127.0.0.1']],
      ['another protocol', ['GET /lenient/x SPDY/3', 'Host: 127.0.0.1']],
      ['TLS', ['\u0016\u0003\u0001\u0000\u00a5\u0001\u0000']],
      ['two tokens', ['GET /strict/x HTTP/1.1', 'Host: a', 'Authorization: Bearer a', 'Authorization: Bearer b']],
    ] as const) {
      it(`TK-22: ${what} gets a 4xx`, async () => {
        const response = await rawCall(port, head([...lines, 'Connection: close']), 'end');
        expect(statusOf(response), response).to.be.within(400, 499);
      });
    }
  });

  describe('after all these requests', () => {
    it('SE-02: no secret, token or code is in a log, in a list where it does not belong, or on stderr', async () => {
      expect(issued.size).to.be.greaterThan(3);
      expect(gate.log.length).to.be.greaterThan(runs);
      expect(await strays(gate, issued)).to.deep.equal([]);
      expect(canariesIn(errorOutput, [...Object.values(canaries), ...issued])).to.deep.equal([]);
    });

    it('the gate logged no internal error', () => {
      expect(gate.log.filter((line) => /"level":"(?:error|fatal)"/.test(line))).to.deep.equal([]);
    });
  });
});

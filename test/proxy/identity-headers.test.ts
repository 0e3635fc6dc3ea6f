import { expect } from 'chai';
import fc from 'fast-check';
import type { PluginHooks } from '../../src/gateway/plugin.ts';
import { ask, client, closesEverything, get, ok, openGate, scriptedUpstream } from './world.ts';

const identity = [
  'X-Consumer-ID',
  'X-Consumer-Username',
  'X-Consumer-Custom-ID',
  'X-Credential-Identifier',
  'X-Authenticated-Scope',
  'X-Authenticated-Userid',
  'X-Anonymous-Consumer',
] as const;

/** As an authentication plugin sets the identity. */
const identifies: PluginHooks = {
  access({ request }) {
    request.setHeader('X-Consumer-ID', 'real');
    request.setHeader('X-Consumer-Username', 'alice');
    return undefined;
  },
};

/** Every value the upstream got for a name, in any spelling. */
function spelt(fields: ReadonlyMap<string, readonly string[]>, name: string): string[] {
  const wanted = name.toLowerCase();
  return [...fields].filter(([each]) => each.replaceAll('_', '-') === wanted).flatMap(([, values]) => values);
}

describe('An identity header', () => {
  closesEverything();

  it('RS-10: never has a value from the client, in any spelling, number and place', async function () {
    this.timeout(20_000);
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { hooks: [identifies], route: { authenticates: true } });
    const asking = await client(gate.port);
    const spelling = fc
      .constantFrom(...identity)
      .chain((name) =>
        fc
          .tuple(
            fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }),
            fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }),
          )
          .map(([upper, underscore]) =>
            [...name]
              .map((c, i) => (c === '-' && underscore[i] ? '_' : upper[i] ? c.toUpperCase() : c.toLowerCase()))
              .join(''),
          ),
      );
    const spoofed = fc.record({
      fields: fc.array(fc.tuple(spelling, fc.constantFrom('evil', '', ' evil\t', 'real, evil')), { maxLength: 6 }),
      nominated: fc.array(spelling, { maxLength: 3 }),
      trailers: fc.array(spelling, { maxLength: 2 }),
      honest: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(spoofed, async ({ fields, nominated, trailers, honest }) => {
        upstream.seen.length = 0;
        const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        const connection = nominated.length > 0 ? `Connection: ${nominated.join(', ')}, keep-alive\r\n` : '';
        const kept = honest ? 'X-Credential-Username: mine\r\n' : '';
        const end = `0\r\n${trailers.map((name) => `${name}: evil\r\n`).join('')}\r\n`;
        asking.send(
          `POST / HTTP/1.1\r\nHost: a\r\n${lines}${connection}${kept}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n${end}`,
        );
        expect((await asking.response()).status).to.equal(200);
        const seen = upstream.seen[0]!;
        expect(spelt(seen.fields, 'X-Consumer-ID')).to.deep.equal(['real']);
        expect(spelt(seen.fields, 'X-Consumer-Username')).to.deep.equal(['alice']);
        for (const name of identity.slice(2)) expect(spelt(seen.fields, name), name).to.deep.equal([]);
        expect(spelt(seen.fields, 'X-Credential-Username')).to.deep.equal(honest ? ['mine'] : []);
        expect(seen.body).to.equal('a');
      }),
      { numRuns: 300 },
    );
  });

  it('RS-12: cannot be removed by naming it in Connection', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { hooks: [identifies], route: { authenticates: true } });
    const names = [...identity, 'X-Forwarded-For', 'X-Real-IP', 'Via', 'Host', 'Content-Length', 'X-Kong-Request-Id'];
    await ask(gate.port, get('/', `Connection: ${names.join(', ')}`, 'X-Forwarded-For: 1.2.3.4'));
    const { fields } = upstream.seen[0]!;
    expect(fields.get('x-consumer-id')).to.deep.equal(['real']);
    expect(fields.get('x-real-ip')).to.deep.equal(['127.0.0.1']);
    expect(fields.get('host')).to.deep.equal([`127.0.0.1:${upstream.port}`]);
    for (const name of ['x-forwarded-for', 'via', 'x-kong-request-id']) {
      expect(fields.get(name), name).to.have.length(1);
    }
  });

  it('on a route without authentication passes from a trusted proxy only', async () => {
    const upstream = await scriptedUpstream(ok);
    const fields = ['X-Consumer-ID: sent', 'x_consumer_id: sent too'];
    for (const [trustedIps, authenticates, expected] of [
      [['127.0.0.0/8'], false, ['sent', 'sent too']],
      [['127.0.0.0/8'], true, []],
      [['10.0.0.0/8'], false, []],
      [[], true, []],
    ] as const) {
      const gate = await openGate(upstream.port, { trustedIps, route: { authenticates } });
      upstream.seen.length = 0;
      await ask(gate.port, get('/', ...fields));
      expect(spelt(upstream.seen[0]!.fields, 'X-Consumer-ID')).to.deep.equal(expected);
    }
  });

  describe('RS-11: forwarding headers', () => {
    const claims = [
      'X-Forwarded-For: 9.9.9.9',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: h.example',
      'X-Forwarded-Port: 99',
      'X-Forwarded-Path: /fp',
      'X-Forwarded-Prefix: /p',
      'X-Real-IP: 8.8.8.8',
      'Forwarded: for=9.9.9.9',
      'X-Kong-Request-Id: mine',
    ];
    const names = ['for', 'proto', 'host', 'port', 'path', 'prefix'].map((name) => `x-forwarded-${name}`);

    it('are set by the gate, if the peer is not trusted (untrusted/https:8)', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, { route: { strippedPrefix: '/api' } });
      await ask(gate.port, get('/api/x?q', ...claims));
      const { fields } = upstream.seen[0]!;
      expect([...names, 'x-real-ip', 'forwarded'].map((name) => fields.get(name)?.join())).to.deep.equal([
        '9.9.9.9, 127.0.0.1',
        'http',
        'gate.example',
        String(gate.port),
        '/api/x',
        '/api',
        '127.0.0.1',
        undefined,
      ]);
      expect(fields.get('x-kong-request-id')![0]).to.match(/^[0-9a-f]{32}$/);
    });

    it('are those of a trusted proxy (routing/hosts-and-forwarding:4)', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, {
        route: { strippedPrefix: '/api' },
        trustedIps: ['127.0.0.1'],
        hooks: [
          {
            access({ clientAddress }) {
              expect(clientAddress).to.equal('8.8.8.8');
              return undefined;
            },
          },
        ],
      });
      await ask(gate.port, get('/api/x?q', ...claims));
      const { fields } = upstream.seen[0]!;
      expect([...names, 'x-real-ip', 'forwarded'].map((name) => fields.get(name)?.join())).to.deep.equal([
        '9.9.9.9, 127.0.0.1',
        'https',
        'h.example',
        '99',
        '/fp',
        '/p',
        '8.8.8.8',
        'for=9.9.9.9',
      ]);
      expect(await gate.logged()).to.include({ clientAddress: '8.8.8.8', status: 200 });
    });
  });
});

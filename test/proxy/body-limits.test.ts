/** The limits of request bodies hold wherever a body is read: by a plugin, for an OAuth endpoint, on each HTTP version. */
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import type { PluginHooks } from '../../src/gateway/plugin.ts';
import { whenThere } from '../../src/ports/maybe-promise.ts';
import { budgetsOf } from '../../src/records/budget.ts';
import { a } from '../support/certificates.ts';
import { Client, client, closeLater, closesEverything, eventually, type Gate, openGate } from './world.ts';

const toEndpoint: PluginHooks = { access: () => ({ handover: 'token', largestBody: 1_048_576, to: undefined }) };
const readsBody: PluginHooks = {
  access: ({ request }) => whenThere(request.readBody(1_048_576), () => undefined),
};
const endpoint = {
  serveEndpoint: (
    _handover: unknown,
    _exchange: unknown,
    _request: unknown,
    response: { end(text: string): unknown },
  ) => void response.end('the endpoint'),
};
const readers = { 'an OAuth endpoint': toEndpoint, 'a plugin': readsBody };
const head = (...fields: string[]) =>
  ['POST /oauth2/token HTTP/1.1', 'Host: a', 'Content-Type: application/x-www-form-urlencoded', ...fields, '', ''].join(
    '\r\n',
  );

describe('A request body', () => {
  closesEverything();

  describe('SE-09: that stops to arrive is refused with 408', () => {
    const beginnings = {
      'none of it': head('Content-Length: 10'),
      'half of it': `${head('Content-Length: 10')}half`,
      'half of a chunk': `${head('Transfer-Encoding: chunked')}a\r\nhalf`,
      'a chunk without the last one': `${head('Transfer-Encoding: chunked')}4\r\nhalf\r\n`,
      'nothing after 100 (Continue)': head('Content-Length: 10', 'Expect: 100-continue'),
    };
    for (const [reader, hooks] of Object.entries(readers)) {
      for (const [beginning, bytes] of Object.entries(beginnings)) {
        it(`${reader}, ${beginning}`, async () => {
          const gate = await openGate(1, { hooks: [hooks], limits: { clientBody: 20 }, ...endpoint });
          const asking = await client(gate.port);
          asking.send(bytes);
          if (bytes.includes('Expect')) expect((await asking.response()).status).to.equal(100);
          await expectTimeout(asking, gate);
        });
      }

      it(`${reader}, over TLS`, async () => {
        const gate = await openGate(1, {
          listen: [{ host: '127.0.0.1', port: 0, ssl: true, http2: false }],
          certificate: a,
          hooks: [hooks],
          limits: { clientBody: 20 },
          ...endpoint,
        });
        const socket = connectTls({ port: gate.port, host: '127.0.0.1', rejectUnauthorized: false });
        closeLater(() => socket.destroy());
        await expectTimeout(new Client(socket).send(`${head('Content-Length: 10')}half`), gate);
      });

      it(`${reader}, over HTTP/2`, async () => {
        const gate = await openGate(1, { hooks: [hooks], limits: { clientBody: 20 }, ...endpoint });
        const session = connectHttp2(`http://127.0.0.1:${gate.port}`);
        closeLater(() => session.destroy());
        const stream = session.request({ ':method': 'POST', ':path': '/oauth2/token', 'content-length': '10' });
        stream.write('half');
        const status = await new Promise((resolve) => stream.on('response', (fields) => resolve(fields[':status'])));
        stream.resume();
        expect(status).to.equal(408);
        expect(await gate.logged()).to.include({ status: 408, refusal: 'body_timeout' });
      });
    }
  });

  it('longer than an endpoint reads does not reach it, and the client gets the response', async () => {
    const bodies: unknown[] = [];
    const gate = await openGate(1, {
      hooks: [{ access: () => ({ handover: 'token', largestBody: 10, to: undefined }) }],
      serveEndpoint: (_handover, exchange, _request, response) => {
        bodies.push(exchange.request.wholeBody);
        response.statusCode = 413;
        response.end('too long');
      },
    });
    for (const bytes of [
      `${head('Content-Length: 11')}hello world`,
      `${head('Content-Length: 200000')}hello`,
      `${head('Transfer-Encoding: chunked')}b\r\nhello world\r\n0\r\n\r\n`,
    ]) {
      const asking = await client(gate.port);
      expect(await asking.send(bytes).response()).to.include({ status: 413, body: 'too long' });
      asking.socket.destroy();
    }
    expect(bodies).to.deep.equal([undefined, undefined, undefined]);
  });

  describe('is held in memory within the budget of all bodies', () => {
    for (const [reader, hooks] of Object.entries(readers)) {
      it(`${reader}: beyond it callers get 503 until there is room again`, async () => {
        const budgets = budgetsOf({ bodyBytes: 100_000 });
        const gate = await openGate(1, { hooks: [hooks], budgets, ...endpoint });
        const withheld = `${head('Content-Length: 60000')}${'a'.repeat(59_999)}`;
        const first = await client(gate.port);
        first.send(withheld);
        await eventually(() => budgets.bodyBytes.used >= 59_999);

        const second = await client(gate.port);
        const refused = await second.send(withheld).response();
        expect([refused.status, refused.fields.get('retry-after')]).to.deep.equal([503, ['1']]);
        expect(await gate.logged()).to.include({ status: 503, refusal: 'body_memory_full' });
        expect(budgets.bodyBytes.rejected).to.equal(1);
        expect(budgets.bodyBytes.used).to.be.at.most(100_000);

        first.socket.destroy();
        await eventually(() => budgets.bodyBytes.used === 0);
        const third = await client(gate.port);
        third.send(withheld);
        await eventually(() => budgets.bodyBytes.used >= 59_999);
        third.send('a');
        expect((await third.response()).status).to.be.oneOf([200, 502]);
        await eventually(() => budgets.bodyBytes.used === 0);
      });
    }

    it('300 connections with a form of 1 MiB each, without its last byte, stay within it', async function () {
      this.timeout(60_000);
      const budgets = budgetsOf({ bodyBytes: 16 * 1_048_576 });
      let most = 0;
      const gate = await openGate(1, { hooks: [toEndpoint], budgets, ...endpoint });
      const bytes = Buffer.from(`${head('Content-Length: 1048576')}${'a'.repeat(1_048_575)}`);
      const asking = await Promise.all(Array.from({ length: 300 }, () => client(gate.port)));
      for (const each of asking) each.send(bytes);
      await eventually(() => {
        most = Math.max(most, budgets.bodyBytes.used);
        return gate.entries.length >= 284;
      });
      expect(most).to.be.at.most(16 * 1_048_576);
      expect(new Set(gate.entries.map(({ status }) => status))).to.deep.equal(new Set([503]));
      for (const each of asking) each.socket.destroy();
      await eventually(() => budgets.bodyBytes.used === 0);
    });

    it('octet by octet as well', async function () {
      this.timeout(20_000);
      const budgets = budgetsOf();
      const received: unknown[] = [];
      const gate = await openGate(1, {
        hooks: [toEndpoint],
        budgets,
        serveEndpoint: (_handover, exchange, _request, response) => {
          received.push(Buffer.from(exchange.request.wholeBody!).toString());
          response.end('ok');
        },
      });
      const asking = await client(gate.port);
      asking.send(`${head('Transfer-Encoding: chunked')}${'1\r\na\r\n'.repeat(20_000)}`);
      await eventually(() => budgets.bodyBytes.used >= 20_000);
      expect(budgets.bodyBytes.used).to.be.at.most(32_768);
      asking.send('1\r\nb\r\n0\r\n\r\n');
      expect((await asking.response()).status).to.equal(200);
      expect(received).to.deep.equal([`${'a'.repeat(20_000)}b`]);
      expect(budgets.bodyBytes.used).to.equal(0);
    });
  });
});

async function expectTimeout(asking: Client, gate: Gate): Promise<void> {
  const { status, fields } = await asking.response();
  expect([status, fields.get('connection')]).to.deep.equal([408, ['close']]);
  await asking.closed();
  expect(await gate.logged()).to.include({ status: 408, refusal: 'body_timeout' });
}

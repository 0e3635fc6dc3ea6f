import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { PluginHooks } from '../../src/gateway/plugin.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { client, closesEverything, openGate, scriptedUpstream } from '../proxy/world.ts';
import { compiled, pluginWorld } from './world.ts';

closesEverything();

const get = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n';
const json = 'Content-Type: application/json\r\n';

async function gateWith(plugin: string, config: JsonObject, response: string | ((socket: Socket) => void)) {
  const upstream = await scriptedUpstream(response);
  const hooks = [compiled(plugin, config, pluginWorld())];
  const gate = await openGate(upstream.port, { hooks });
  return { gate, upstream, connection: await client(gate.port) };
}

const renaming = { rename: { json: ['a:b'] }, add: { headers: ['x-added:1'] } };

describe('The body of a response that a plugin changes', () => {
  it('has the right Content-Length', async () => {
    const response = `HTTP/1.1 200 Fine\r\n${json}Content-Length: 14\r\n\r\n{ "a" : "xy" }`;
    const { connection } = await gateWith('response-transformer', renaming, response);
    const received = await connection.send(get).response();
    expect(received).to.include({ status: 200, reason: 'Fine', body: '{"b":"xy"}', complete: true });
    expect(received.fields.get('x-added')).to.deep.equal(['1']);
    // The connection stays open.
    expect((await connection.send(get).response()).body).to.equal('{"b":"xy"}');
  });

  it('is held back until it is complete, whatever its octets', async () => {
    const { connection } = await gateWith('response-transformer', renaming, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${json}Transfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n`);
      setImmediate(() => {
        socket.write(Buffer.concat([Buffer.from('3\r\n:"'), Buffer.from('é').subarray(0, 1), Buffer.from('\r\n')]));
        setImmediate(() => {
          const rest = Buffer.concat([
            Buffer.from('3\r\n'),
            Buffer.from('é').subarray(1),
            Buffer.from('"}\r\n0\r\n\r\n'),
          ]);
          socket.write(rest);
        });
      });
    });
    const { body, fields } = await connection.send(get).response();
    expect(Buffer.from(body, 'latin1').toString('utf8')).to.equal('{"b":"é"}');
    expect(fields.get('content-length')).to.deep.equal(['10']);
    expect(fields.has('transfer-encoding')).to.equal(false);
  });

  it('keeps its trailers', async () => {
    const response = `HTTP/1.1 200 OK\r\n${json}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\nX-Sum: 7\r\n\r\n`;
    const { connection } = await gateWith('response-transformer', renaming, response);
    const received = await connection
      .send(get.replace('\r\n\r\n', '\r\nTE: trailers\r\nConnection: TE\r\n\r\n'))
      .response();
    expect(received.body).to.equal('{"b":1}');
    expect(received.trailers.toLowerCase()).to.contain('x-sum: 7');
  });

  it('has no Content-Length for HEAD, since it is unknown', async () => {
    const response = `HTTP/1.1 200 OK\r\n${json}Content-Length: 7\r\n\r\n`;
    const { connection } = await gateWith('response-transformer', renaming, response);
    const { fields, status } = await connection.send(get.replace('GET', 'HEAD')).response({ toHead: true });
    expect(status).to.equal(200);
    expect(fields.has('content-length')).to.equal(false);
  });

  it('is streamed unchanged if no plugin wants it', async () => {
    const compressed = gzipSync('{"a":1}').toString('latin1');
    const response = `HTTP/1.1 200 OK\r\n${json}Content-Encoding: gzip\r\nContent-Length: ${compressed.length}\r\n\r\n${compressed}`;
    const { connection } = await gateWith('response-transformer', renaming, response);
    expect((await connection.send(get).response()).body).to.equal(compressed);
  });

  for (const framing of ['a length', 'chunks'] as const) {
    it(`is refused if it is too large to be held, with ${framing}, and no part of it is sent`, async () => {
      const secret = `{"secret":"${'x'.repeat(9 * 1_048_576)}"}`;
      const framed =
        framing === 'a length'
          ? `Content-Length: ${secret.length}\r\n\r\n${secret}`
          : `Transfer-Encoding: chunked\r\n\r\n${secret.length.toString(16)}\r\n${secret}\r\n0\r\n\r\n`;
      const response = `HTTP/1.1 200 OK\r\n${json}${framed}`;
      const { connection, gate } = await gateWith('response-transformer', { remove: { json: ['secret'] } }, response);
      const received = await connection.send(get).response();
      expect(received.status).to.equal(502);
      expect(received.body).to.contain('too large').and.not.contain('xxx');
      expect((await gate.logged()).refusal).to.equal('upstream_response_too_large');
    });
  }

  it('is refused if it is incomplete', async () => {
    const { connection } = await gateWith('response-transformer', renaming, (socket) => {
      socket.end(`HTTP/1.1 200 OK\r\n${json}Content-Length: 100\r\n\r\n{"a":1`);
    });
    expect((await connection.send(get).response()).status).to.equal(502);
  });

  it('is not sent if the plugin throws', async () => {
    const failing: PluginHooks = {
      body: {
        wants: () => true,
        change() {
          throw new Error('broken');
        },
      },
    };
    const upstream = await scriptedUpstream('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret');
    const gate = await openGate(upstream.port, { hooks: [failing] });
    const received = await (await client(gate.port)).send(get).response();
    expect(received.status).to.equal(500);
    expect(received.body).to.not.contain('secret');
    expect(gate.failures).to.have.length(1);
  });

  it('may be that of a response of the gate', async () => {
    const world = pluginWorld();
    const hooks = [
      compiled('key-auth', {}, world),
      compiled('response-transformer', { remove: { json: ['request_id'] } }, world),
    ];
    const gate = await openGate(1, { hooks });
    const { status, body } = await (await client(gate.port)).send(get).response();
    expect({ status, body }).to.deep.equal({ status: 401, body: '{"message":"No API key found in request"}' });
  });
});

describe('The method of an upstream request that a plugin changes', () => {
  it('goes upstream, and the client gets a body for its GET and none for its HEAD', async () => {
    const response = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    for (const [from, to, body] of [
      ['GET', 'POST', 'ok'],
      ['HEAD', 'GET', ''],
    ] as const) {
      const { connection, upstream } = await gateWith('request-transformer', { http_method: to }, response);
      const received = await connection.send(get.replace('GET', from)).response({ toHead: from === 'HEAD' });
      expect(upstream.seen[0]!.lines[0]).to.equal(`${to} /a HTTP/1.1`);
      expect(received.body).to.equal(body);
      const next = await connection.send(get.replace('GET', from)).response({ toHead: from === 'HEAD' });
      expect(next.status).to.equal(200);
    }
  });

  it('HEAD gives a GET a response without a body, and does not wait for one', async () => {
    const response = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
    const { connection } = await gateWith('request-transformer', { http_method: 'HEAD' }, response);
    const received = await connection.send(get).response();
    expect(received.fields.get('content-length')).to.deep.equal(['0']);
    expect((await connection.send(get).response()).status).to.equal(200);
  });
});

describe('Headers and bodies of an upstream request that a plugin changes', () => {
  it('arrive with the right Content-Length', async () => {
    const config = { add: { body: ['b:2'], headers: ['x-a:1'] }, replace: { uri: '/v2' } };
    const { connection, upstream } = await gateWith('request-transformer', config, 'HTTP/1.1 204 No Content\r\n\r\n');
    const body = 'a=1';
    const form = 'Content-Type: application/x-www-form-urlencoded\r\n';
    await connection.send(`POST /a?q=1 HTTP/1.1\r\nHost: h\r\n${form}Content-Length: 3\r\n\r\n${body}`).response();
    const [seen] = upstream.seen;
    expect(seen!.lines[0]).to.equal('POST /v2?q=1 HTTP/1.1');
    expect(seen!.body).to.equal('a=1&b=2');
    expect(seen!.fields.get('content-length')).to.deep.equal(['7']);
    expect(seen!.fields.get('x-a')).to.deep.equal(['1']);
  });
});

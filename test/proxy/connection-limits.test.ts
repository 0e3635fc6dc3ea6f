/** The limits of client connections and of HTTP/2 streams, in total and from one address. */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { budgetsOf } from '../../src/records/budget.ts';
import { a } from '../support/certificates.ts';
import {
  Client,
  client,
  closeLater,
  closesEverything,
  eventually,
  get,
  ok,
  openGate,
  scriptedUpstream,
} from './world.ts';

describe('Connections', () => {
  closesEverything();

  it('beyond the limit get 503 and are closed; when others end, there is room again', async () => {
    const upstream = await scriptedUpstream(ok);
    const budgets = budgetsOf({ connections: 2 });
    const gate = await openGate(upstream.port, { budgets });
    const [first, second] = [await client(gate.port), await client(gate.port)];
    await eventually(() => budgets.connections.used === 2);
    const third = await client(gate.port);
    const refused = await third.send(get()).response();
    expect([refused.status, refused.fields.get('retry-after')]).to.deep.equal([503, ['1']]);
    expect(await third.closed()).to.equal('');
    expect(await gate.logged()).to.include({ status: 503, refusal: 'connections_full' });
    expect(budgets.connections.rejected).to.equal(1);
    expect((await first.send(get()).response()).status, 'those that were there go on').to.equal(200);
    second.socket.destroy();
    await eventually(() => budgets.connections.used === 1);
    expect((await (await client(gate.port)).send(get()).response()).status).to.equal(200);
  });

  it('of one address beyond its limit get 503; another address does not', async () => {
    const upstream = await scriptedUpstream(ok);
    const budgets = budgetsOf({ connectionsPerAddress: 2 });
    const gate = await openGate(upstream.port, { budgets });
    const from = async (localAddress: string) => {
      const socket = connect({ port: gate.port, host: '127.0.0.1', localAddress });
      closeLater(() => socket.destroy());
      return (await new Client(socket).send(get()).response()).status;
    };
    expect([await from('127.0.0.2'), await from('127.0.0.2'), await from('127.0.0.2')]).to.deep.equal([200, 200, 503]);
    await eventually(() => gate.entries.some(({ refusal }) => refusal === 'connections_from_address_full'));
    expect(await from('127.0.0.3')).to.equal(200);
    expect([budgets.connectionsPerAddress.used, budgets.connectionsPerAddress.rejected]).to.deep.equal([2, 1]);
    expect(budgets.connections.used, 'a refused one takes no place of others').to.equal(3);
  });

  it('of a trusted proxy have no limit per address', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, {
      budgets: budgetsOf({ connectionsPerAddress: 1 }),
      trustedIps: ['127.0.0.1'],
    });
    for (let n = 0; n < 3; n++) expect((await (await client(gate.port)).send(get()).response()).status).to.equal(200);
  });

  it('over TLS and HTTP/2 get 503 as well', async () => {
    const upstream = await scriptedUpstream(ok);
    const budgets = budgetsOf({ connections: 1 });
    const gate = await openGate(upstream.port, {
      budgets,
      listen: [{ host: '127.0.0.1', port: 0, ssl: true, http2: true }],
      certificate: a,
    });
    const options = { port: gate.port, host: '127.0.0.1', rejectUnauthorized: false };
    const first = connectTls(options);
    closeLater(() => first.destroy());
    expect((await new Client(first).send(get()).response()).status).to.equal(200);
    const second = connectTls(options);
    closeLater(() => second.destroy());
    expect((await new Client(second).send(get()).response()).status).to.equal(503);
    const session = connectHttp2(`https://127.0.0.1:${gate.port}`, { rejectUnauthorized: false });
    closeLater(() => session.destroy());
    const closed = new Promise((resolve) => session.on('close', resolve));
    expect(await statusOf(session)).to.equal(503);
    await closed;
  });

  it('far beyond the limit are closed at once', async () => {
    const budgets = budgetsOf({ connections: 1 });
    const gate = await openGate(1, { budgets });
    const asking = await Promise.all(Array.from({ length: 200 }, () => client(gate.port)));
    await eventually(() => asking.filter(({ ended }) => ended).length === 200 - 1 - 64);
    expect(gate.proxy.connections().active).to.be.at.most(65);
  });
});

describe('HTTP/2 streams of all connections', () => {
  closesEverything();

  it('beyond the limit get 503; when others end, there is room again', async () => {
    const upstream = await scriptedUpstream(() => undefined, ok);
    const budgets = budgetsOf({ streams: 1 });
    const gate = await openGate(upstream.port, { budgets });
    const sessions = [0, 1].map(() => connectHttp2(`http://127.0.0.1:${gate.port}`));
    for (const session of sessions) closeLater(() => session.destroy());
    const held = sessions[0]!.request({ ':path': '/' });
    held.on('error', () => undefined);
    await eventually(() => upstream.seen.length === 1);
    expect(await statusOf(sessions[1]!)).to.equal(503);
    expect(await gate.logged()).to.include({ status: 503, refusal: 'streams_full' });
    expect(budgets.streams.rejected).to.equal(1);
    held.close();
    await eventually(() => budgets.streams.used === 0);
    expect(await statusOf(sessions[1]!)).to.equal(200);
    await eventually(() => budgets.streams.used === 0);
  });
});

function statusOf(session: ClientHttp2Session): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/' });
    stream.on('error', reject);
    stream.on('response', (fields) => resolve(fields[':status']));
    stream.resume();
  });
}

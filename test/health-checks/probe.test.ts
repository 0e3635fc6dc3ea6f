import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type ProbeOptions, probe } from '../../adapters/health-checks/probe.ts';
import { makeCertificate } from '../../adapters/tls/own-certificate.ts';
import { upstreamOf } from '../../src/balancer/upstream.ts';
import { balancerOver, type Fields, upstreamRow } from '../balancer/rows.ts';
import { closeLater, closesEverything, scriptedUpstream, tcpUpstream } from '../proxy/world.ts';

const never = new AbortController().signal;

function ask(port: number, active: Fields, fields: Fields = {}, how: ProbeOptions & { abort?: AbortSignal } = {}) {
  const balancer = balancerOver([[`127.0.0.1:${port}`, 100]], fields, { active });
  return probe(how)(balancer.targets[0]!, upstreamOf(upstreamRow(fields, { active })), how.abort ?? never);
}

describe('A probe', () => {
  closesEverything();

  it('of type http: sends a GET of http_path with the configured headers, and returns the status', async () => {
    const { port, seen } = await scriptedUpstream('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
    const outcome = await ask(port, { http_path: '/status', headers: { 'X-Probe': ['a', 'b'] } });
    expect(outcome).to.deep.equal({ outcome: 'responded', status: 503 });
    const { lines, fields } = seen[0]!;
    expect(lines[0]).to.equal('GET /status HTTP/1.1');
    expect(fields.get('host')).to.deep.equal([`127.0.0.1:${port}`]);
    expect(fields.get('x-probe')).to.deep.equal(['a', 'b']);
  });

  it('sends the upstream’s host_header as Host', async () => {
    const { port, seen } = await scriptedUpstream('HTTP/1.1 200 OK\r\n\r\n');
    await ask(port, {}, { host_header: 'orders.internal' });
    expect(seen[0]!.fields.get('host')).to.deep.equal(['orders.internal']);
  });

  it('ignores interim responses', async () => {
    const { port } = await scriptedUpstream('HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    expect(await ask(port, {})).to.deep.equal({ outcome: 'responded', status: 204 });
  });

  for (const response of ['SSH-2.0-OpenSSH\r\n', 'HTTP/1.1 9\r\n', 'x'.repeat(10_000)]) {
    it(`returns malformed for what is not HTTP: ${response.slice(0, 20).trim()}`, async () => {
      const { port } = await scriptedUpstream(response);
      expect(await ask(port, {})).to.deep.equal({ outcome: 'malformed' });
    });
  }

  it('returns a tcp failure for a refused connection, or one closed without a response', async () => {
    const { port, server } = await tcpUpstream((socket) => socket.destroy());
    expect(await ask(port, {})).to.deep.equal({ outcome: 'tcpFailure' });
    await new Promise((closed) => server.close(closed));
    expect(await ask(port, {})).to.deep.equal({ outcome: 'tcpFailure' });
    expect(await ask(port, { type: 'tcp' })).to.deep.equal({ outcome: 'tcpFailure' });
  });

  it('returns a timeout without a response in time', async () => {
    const { port } = await tcpUpstream(() => {});
    expect(await ask(port, { timeout: 0.005 })).to.deep.equal({ outcome: 'timeout' });
  });

  it('of type tcp: needs only the connection', async () => {
    const { port } = await tcpUpstream(() => {});
    expect(await ask(port, { type: 'tcp' })).to.deep.equal({ outcome: 'connected' });
  });

  it('of type https: sends https_sni, and verifies the certificate unless configured otherwise', async () => {
    const day = 86_400_000;
    const { certificate: cert, key } = await makeCertificate({
      hostName: 'orders.internal',
      from: new Date(Date.now() - day),
      to: new Date(Date.now() + day),
    });
    const server = createTls({ cert, key }, (_, response) => response.end('fine'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    closeLater(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const fine = { outcome: 'responded', status: 200 };
    const failed = { outcome: 'tcpFailure' };
    expect(await ask(port, { type: 'https', https_sni: 'orders.internal' })).to.deep.equal(failed);
    const unverified = { type: 'https', https_verify_certificate: false };
    expect(await ask(port, unverified)).to.deep.equal(fine);
    expect(await ask(port, { type: 'https', https_sni: 'orders.internal' }, {}, { ca: cert })).to.deep.equal(fine);
    expect(await ask(port, { type: 'https', https_sni: 'another.internal' }, {}, { ca: cert })).to.deep.equal(failed);
  });

  it('of type https: sends the upstream’s client_certificate to a target that requests one', async () => {
    const day = 86_400_000;
    const { certificate: cert, key } = await makeCertificate({
      hostName: 'orders.internal',
      from: new Date(Date.now() - day),
      to: new Date(Date.now() + day),
    });
    const asking = { cert, key, ca: cert, requestCert: true, rejectUnauthorized: false };
    const server = createTls(asking, (request, response) => {
      const shown = (request.socket as TLSSocket).getPeerCertificate();
      response.statusCode = Object.keys(shown).length > 0 ? 200 : 403;
      response.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    closeLater(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const checks = { type: 'https', https_verify_certificate: false };
    const pair = (id: string) => (id === 'own' ? { cert, key } : undefined);
    const showing = await ask(port, checks, { client_certificate: { id: 'own' } }, { pair });
    expect(showing).to.deep.equal({ outcome: 'responded', status: 200 });
    expect(await ask(port, checks, {}, { pair })).to.deep.equal({ outcome: 'responded', status: 403 });
    const unusable = await ask(port, checks, { client_certificate: { id: 'x' } }, { pair: () => ({ cert: 'x', key }) });
    expect(unusable).to.deep.equal({ outcome: 'tcpFailure' });
  });

  it('returns nothing when aborted', async () => {
    const { port, sockets } = await tcpUpstream(() => {});
    const aborting = new AbortController();
    const outcome = ask(port, {}, {}, { abort: aborting.signal });
    aborting.abort();
    expect(await outcome).to.equal(undefined);
    expect(await ask(port, {}, {}, { abort: aborting.signal })).to.equal(undefined);
    for (const socket of sockets) socket.destroy();
  });
});

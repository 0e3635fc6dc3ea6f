/** Certificates by server name, in a whole gate with real handshakes. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { a, authority, b, rsa } from '../support/certificates.ts';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('Certificates that an operator wrote', () => {
  let gate: TestGate;

  before(async () => {
    gate = await openTestGate();
  });

  after(() => gate.close());

  /** The common name of the certificate that the gate serves for `servername`. */
  const shownTo = (servername: string, more: object = {}): Promise<string> =>
    new Promise((done, fail) => {
      const port = Number(new URL(gate.proxyTls).port);
      const socket: TLSSocket = connect(
        { port, host: '127.0.0.1', servername, rejectUnauthorized: false, ...more },
        () => {
          done(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        },
      );
      socket.on('error', fail);
    });

  it('are served for their server names, from the next handshake on', async () => {
    const own = await shownTo('a.example');
    const one = await gate.setUp('POST', '/certificates', { ...a, snis: ['a.example', '*.a.example'] });
    const other = await gate.setUp('POST', '/certificates', { ...b, snis: ['b.*'] });
    expect(await shownTo('a.example')).to.equal('a.example');
    expect(await shownTo('A.EXAMPLE')).to.equal('a.example');
    expect(await shownTo('x.a.example')).to.equal('a.example');
    expect(await shownTo('x.y.a.example')).to.equal(own);
    expect(await shownTo('b.test')).to.equal('b.example');
    expect(await shownTo('c.example')).to.equal(own);

    await gate.setUp('PATCH', `/certificates/${one.id}`, { ...b });
    expect(await shownTo('a.example')).to.equal('b.example');
    await gate.setUp('PATCH', `/certificates/${one.id}`, { snis: [] });
    expect(await shownTo('a.example')).to.equal(own);
    await gate.setUp('PUT', '/snis/*', { certificate: { id: one.id } });
    expect(await shownTo('c.example')).to.equal('b.example');
    await gate.setUp('DELETE', `/certificates/${one.id}`);
    await gate.setUp('DELETE', `/certificates/${other.id}`);
    expect(await shownTo('c.example')).to.equal(own);
  });

  it('KD-05: with a second pair are served with the first, and the log says so', async () => {
    const alternative = { cert_alt: rsa.cert, key_alt: rsa.key };
    const { id } = await gate.setUp('POST', '/certificates', { ...b, ...alternative, snis: ['two.example'] });
    expect(await shownTo('two.example')).to.equal('b.example');
    expect(gate.log.filter((line) => line.includes('cert_alt') && line.includes(id))).to.have.length(1);
    await gate.setUp('DELETE', `/certificates/${id}`);
  });

  it('SE-05: the log contains no key', () => {
    expect(gate.log.join('')).not.to.include('PRIVATE KEY');
    expect(gate.log.join('')).not.to.include(a.key.split('\n')[1]);
  });

  describe('for upstreams', () => {
    let upstream: Server;
    let port: number;

    before(async () => {
      upstream = createServer({ ...a, ca: authority, requestCert: true, rejectUnauthorized: false }, (req, res) => {
        const { subject } = (req.socket as TLSSocket).getPeerCertificate();
        res.end(JSON.stringify({ shown: subject?.CN ?? null }));
      });
      await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
      port = (upstream.address() as AddressInfo).port;
      await gate.setUp('PUT', '/services/s', { url: `https://127.0.0.1:${port}` });
      await gate.setUp('POST', '/services/s/routes', { name: 's', paths: ['/s'] });
    });

    after(() => {
      upstream.closeAllConnections();
      upstream.close();
    });

    it('verify the upstream by the CA certificates of the service, where tls_verify is set', async () => {
      expect((await gate.get('/s')).status).to.equal(200);
      await gate.setUp('PATCH', '/services/s', { tls_verify: true });
      expect((await gate.get('/s')).status).to.equal(502);
      const { id } = await gate.setUp('POST', '/ca_certificates', { cert: authority });
      await gate.setUp('PATCH', '/services/s', { ca_certificates: [id] });
      expect((await gate.get('/s')).status).to.equal(200);
      upstream.closeAllConnections();
      await gate.setUp('PATCH', '/services/s', { ca_certificates: null });
      expect((await gate.get('/s')).status).to.equal(502);
      await gate.setUp('DELETE', `/ca_certificates/${id}`);
      await gate.setUp('PATCH', '/services/s', { tls_verify: null });
    });

    it('authenticate the gate with the client certificate of the service', async () => {
      expect((await gate.get('/s')).body).to.deep.equal({ shown: null });
      const { id } = await gate.setUp('POST', '/certificates', { ...b });
      await gate.setUp('PATCH', '/services/s', { client_certificate: { id } });
      expect((await gate.get('/s')).body).to.deep.equal({ shown: 'b.example' });
    });
  });
});

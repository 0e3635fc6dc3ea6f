import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate } from '../../adapters/tls/own-certificate.ts';
import { serverCertificate } from '../../adapters/tls/server-certificate.ts';

const day = 24 * 60 * 60 * 1000;
const start = new Date('2026-11-22T12:00:00Z');
const later = (days: number) => ({ now: new Date(start.getTime() + days * day), name: 'gate-1.example.org' });

describe('The certificate of the TLS listeners', () => {
  let stateDirectory: string;
  beforeEach(async () => {
    stateDirectory = await mkdtemp(join(tmpdir(), 'portcullis-tls-'));
  });
  afterEach(() => rm(stateDirectory, { recursive: true }));

  describe('of the gate itself', () => {
    const own = (days: number) => serverCertificate({ tlsFiles: undefined, stateDirectory }, later(days));

    it('is made at the first start: P-256, for localhost, the name of the machine and the loopback addresses', async () => {
      const made = await own(0);
      expect(made).to.include({ origin: 'made' });
      const certificate = new X509Certificate(made.certificate);
      expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).to.equal('prime256v1');
      for (const name of ['localhost', 'gate-1.example.org']) expect(certificate.checkHost(name)).to.equal(name);
      for (const address of ['127.0.0.1', '::1']) expect(certificate.checkIP(address)).to.equal(address);
      expect(certificate.checkHost('example.org')).to.equal(undefined);
      expect(certificate.ca).to.equal(false);
      expect(certificate.checkPrivateKey(createPrivateKey(made.key))).to.equal(true);
      expect(certificate.validToDate).to.deep.equal(made.expiresAt).and.deep.equal(later(365).now);
    });

    it('SE-05: has a key that only its owner can read, in a directory of the same mode', async () => {
      const { path } = await own(0);
      const mode = async (file: string) => (await stat(file)).mode & 0o777;
      expect(await mode(path.replace(/crt$/, 'key'))).to.equal(0o600);
      expect(await mode(join(stateDirectory, 'tls'))).to.equal(0o700);
      expect(await readdir(join(stateDirectory, 'tls'))).to.have.members(['portcullis.crt', 'portcullis.key']);
    });

    it('makes a key unreadable to others, with a warning', async () => {
      const key = (await own(0)).path.replace(/crt$/, 'key');
      await chmod(key, 0o644);
      expect((await own(1)).warnings).to.have.length(1);
      expect((await stat(key)).mode & 0o777).to.equal(0o600);
      expect((await own(1)).warnings).to.deep.equal([]);
    });

    it('is kept for later starts', async () => {
      const made = await own(0);
      expect(await own(334)).to.deep.include({ certificate: made.certificate, key: made.key, origin: 'kept' });
      expect(await readFile(made.path, 'utf8')).to.equal(made.certificate);
    });

    it('is replaced when it has less than 30 days', async () => {
      const made = await own(0);
      const next = await own(336);
      expect(next.origin).to.equal('made');
      expect(next.certificate).not.to.equal(made.certificate);
      expect(next.expiresAt).to.deep.equal(later(336 + 365).now);
      expect((await own(337)).certificate).to.equal(next.certificate);
    });

    it('is replaced when its files are damaged, or do not belong together', async () => {
      const { path } = await own(0);
      await writeFile(path, 'damaged');
      expect((await own(1)).origin).to.equal('made');
      await writeFile(
        path,
        (await makeCertificate({ hostName: 'other', from: start, to: later(365).now })).certificate,
      );
      expect((await own(1)).origin).to.equal('made');
      await rm(path);
      expect((await own(1)).origin).to.equal('made');
      expect((await own(1)).origin).to.equal('kept');
    });

    it('omits a machine name that is no DNS name', async () => {
      for (const name of ['my laptop', '', 'a,b', 'x'.repeat(64), 'localhost', '-a', 'a\nDNS:evil.example']) {
        const { certificate } = await makeCertificate({ hostName: name, from: start, to: later(1).now });
        expect(new X509Certificate(certificate).subjectAltName, name).to.equal(
          'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
        );
      }
    });

    it('is accepted by a client that trusts it', async () => {
      const { certificate, key } = await serverCertificate(
        { tlsFiles: undefined, stateDirectory },
        { now: new Date(), name: 'gate' },
      );
      const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello'));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate });
      const [greeting] = await once(socket, 'data');
      expect(String(greeting)).to.equal('hello');
      expect(socket.authorized).to.equal(true);
      socket.destroy();
      await new Promise((closed) => server.close(closed));
    });

    it('rejects with the directory where it cannot be kept', async () => {
      await writeFile(join(stateDirectory, 'tls'), 'a file in the way');
      await refused(own(0), /tls\/portcullis\.(crt|key) cannot be read/);
    });

    it('asks for another state directory without write permission', async () => {
      await mkdir(join(stateDirectory, 'tls', `portcullis.key.${process.pid}`), { recursive: true });
      await refused(own(0), /tls\/portcullis\.key cannot be written: .*; name another state_dir$/);
    });
  });

  describe('of the operator', () => {
    let tlsFiles: { certificate: string; key: string };
    let pair: { certificate: string; key: string };
    before(async () => {
      pair = await makeCertificate({ hostName: 'api.example.org', from: start, to: later(10).now });
    });
    beforeEach(async () => {
      tlsFiles = { certificate: join(stateDirectory, 'api.pem'), key: join(stateDirectory, 'api.key') };
      await writeFile(tlsFiles.certificate, pair.certificate);
      await writeFile(tlsFiles.key, pair.key, { mode: 0o600 });
    });
    const given = (days = 1) => serverCertificate({ tlsFiles, stateDirectory }, later(days));

    it('is used as it is, and no other is made', async () => {
      expect(await given()).to.deep.include({ ...pair, origin: 'given', path: tlsFiles.certificate, warnings: [] });
      expect(await readdir(stateDirectory)).to.have.members(['api.pem', 'api.key']);
    });

    it('may be followed by its chain', async () => {
      const issuer = await makeCertificate({ hostName: 'ca', from: start, to: later(10).now });
      await writeFile(tlsFiles.certificate, pair.certificate + issuer.certificate);
      expect((await given()).certificate).to.equal(pair.certificate + issuer.certificate);
      await writeFile(tlsFiles.certificate, issuer.certificate + pair.certificate);
      await refused(given(), /^ssl_cert: .*api\.pem does not begin with the certificate of the key/);
    });

    it('is warned about when it has expired or is not yet valid, or its key is readable by every user', async () => {
      expect((await given(11)).warnings[0]).to.match(/api\.pem expired on/);
      expect((await given(-1)).warnings[0]).to.match(/api\.pem is not valid before/);
      await chmod(tlsFiles.key, 0o644);
      expect((await given()).warnings).to.deep.equal([
        `${tlsFiles.key} is readable by every user of this machine; change its mode to 600`,
      ]);
    });

    it('is rejected, with the setting and the file, when it is missing or wrong', async () => {
      const other = await makeCertificate({ hostName: 'other', from: start, to: later(1).now });
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
      const broken = pair.certificate.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA');
      for (const [file, text, says] of [
        ['certificate', 'no certificate', /^ssl_cert: .*api\.pem holds no certificate in PEM form/],
        ['certificate', pair.key, /^ssl_cert: .*api\.pem holds no certificate in PEM form/],
        ['certificate', broken, /^ssl_cert: certificate 1 of .*api\.pem cannot be read/],
        ['key', 'no key', /^ssl_cert_key: .*api\.key holds no private key in PEM form/],
        ['key', pair.certificate, /^ssl_cert_key: .*api\.key holds no private key in PEM form/],
        ['key', String(locked), /^ssl_cert_key: .*api\.key is locked by a passphrase/],
        ['key', other.key, /^ssl_cert_key: the key in .*api\.key does not belong to the certificate in .*api\.pem/],
      ] as const) {
        await writeFile(tlsFiles[file], text);
        const message = await refused(given(), says);
        expect(message).not.to.include(pair.key.split('\n')[1]!);
        await writeFile(tlsFiles[file], pair[file]);
      }
      await rm(tlsFiles.key);
      await refused(given(), /^ssl_cert_key: .*api\.key cannot be read: there is no such file/);
      await rm(tlsFiles.certificate);
      await mkdir(tlsFiles.certificate);
      await refused(given(), /^ssl_cert/);
    });
  });
});

async function refused(asked: Promise<unknown>, says: RegExp): Promise<string> {
  const error = await asked.then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error?.name).to.equal('UnusableCertificate');
  expect(error?.message).to.match(says);
  return error!.message;
}

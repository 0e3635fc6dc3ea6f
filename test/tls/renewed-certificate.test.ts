import { expect } from 'chai';
import { renewedCertificate } from '../../adapters/tls/renewed-certificate.ts';
import type { ServerCertificate } from '../../adapters/tls/server-certificate.ts';

const certificate = (name: string, warnings: readonly string[] = []): ServerCertificate => ({
  certificate: `certificate ${name}`,
  key: `key ${name}`,
  path: '/tls/portcullis.crt',
  expiresAt: new Date(0),
  origin: 'given',
  warnings,
});

/** Loads the certificates of a list, one after the other. */
async function loading(found: readonly (ServerCertificate | Error)[]) {
  const calls: string[] = [];
  let at = 0;
  const load = async () => {
    const next = found[at++]!;
    if (next instanceof Error) throw next;
    return next;
  };
  const renewed = await renewedCertificate(load, {
    warned: (warning) => calls.push(`warned ${warning}`),
    renewed: ({ certificate: pem }) => calls.push(`renewed ${pem}`),
    failed: (error) => calls.push(`failed ${(error as Error).message}`),
  });
  renewed.onRenewed(({ key }) => calls.push(`serve ${key}`));
  return { renewed, calls };
}

describe('The certificate of the TLS listeners, while the gate runs', () => {
  it('is passed to the listeners when it has changed', async () => {
    const { renewed, calls } = await loading([certificate('one'), certificate('two')]);
    expect(renewed.current.certificate).to.equal('certificate one');
    await renewed.reload();
    expect(renewed.current.certificate).to.equal('certificate two');
    expect(calls).to.deep.equal(['serve key two', 'renewed certificate two']);
  });

  it('is not passed on when it has not changed', async () => {
    const { renewed, calls } = await loading([certificate('one'), certificate('one')]);
    await renewed.reload();
    expect(calls).to.deep.equal([]);
  });

  it('stays in use when the next one is unusable, until a usable one', async () => {
    const { renewed, calls } = await loading([
      certificate('one'),
      new Error('ssl_cert: /tls/portcullis.crt holds no certificate in PEM form'),
      certificate('three'),
    ]);
    await renewed.reload();
    expect(renewed.current.certificate).to.equal('certificate one');
    expect(calls).to.deep.equal(['failed ssl_cert: /tls/portcullis.crt holds no certificate in PEM form']);
    await renewed.reload();
    expect(renewed.current.certificate).to.equal('certificate three');
  });

  it('is warned about at each reload', async () => {
    const expired = certificate('one', ['it expired']);
    const { renewed, calls } = await loading([expired, expired]);
    await renewed.reload();
    expect(calls).to.deep.equal(['warned it expired', 'warned it expired']);
  });

  it('fails the start when the first one is unusable', async () => {
    let failure: unknown;
    await loading([new Error('there is none')]).catch((error) => {
      failure = error;
    });
    expect(failure).to.have.property('message', 'there is none');
  });
});

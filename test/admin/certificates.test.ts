import { expect } from 'chai';
import { a, authority, b, rsa } from '../support/certificates.ts';
import { type Gate, gate, uuid } from './gate.ts';

describe('The Admin API: certificates, their SNIs, and CA certificates', () => {
  let admin: Gate;

  beforeEach(async () => {
    admin = await gate();
  });

  afterEach(() => admin.close());

  const made = async (row: object) => (await admin.call('POST /certificates', row)).body;

  it('a certificate has its key and its server names', async () => {
    const { status, body } = await admin.call('POST /certificates', { ...a, snis: ['b.example', 'a.example'] });
    expect(status).to.equal(201);
    expect(body).to.deep.include({ ...a, cert_alt: null, key_alt: null, tags: null });
    const got = (await admin.call(`GET /certificates/${body.id}`)).body;
    expect(got.snis).to.deep.equal(['a.example', 'b.example']);
    const { data } = (await admin.call('GET /snis')).body;
    expect(data.map(({ name, certificate }: Record<string, unknown>) => [name, certificate])).to.have.deep.members([
      ['a.example', { id: body.id }],
      ['b.example', { id: body.id }],
    ]);
    expect((await admin.call(`GET /certificates/${body.id}/snis`)).body.data).to.have.length(2);
    expect((await admin.call('GET /certificates')).body.data).to.deep.equal([got]);
  });

  it('a key of another certificate is refused, and so is invalid PEM', async () => {
    expect((await made({ cert: a.cert, key: b.key })).message).to.equal(
      'schema violation (certificate does not match key)',
    );
    expect((await made({ cert: 'x', key: 'y' })).fields).to.deep.equal({
      cert: 'invalid certificate: not a certificate in PEM form',
      key: 'invalid key: not a private key in PEM form',
    });
    expect((await made({ cert: a.cert })).fields).to.deep.equal({ key: 'required field missing' });
    expect(JSON.stringify(await made({ cert: a.cert, key: b.key }))).not.to.include(b.key.slice(40, 80));
  });

  it('a second pair must have another key type', async () => {
    expect(await made({ ...a, cert_alt: rsa.cert, key_alt: rsa.key })).to.include({ cert_alt: rsa.cert });
    expect((await made({ ...a, cert_alt: b.cert, key_alt: b.key })).message).to.match(/need to have different type/);
    expect((await made({ ...a, cert_alt: rsa.cert, key_alt: b.key })).message).to.match(
      /alternative certificate does not/,
    );
    expect((await made({ ...a, cert_alt: rsa.cert })).message).to.match(/cert_alt/);
  });

  it('server names can be changed with the certificate; without them they stay', async () => {
    const { id } = await made({ ...a, snis: ['x.example'] });
    const names = async () => (await admin.call(`GET /certificates/${id}`)).body.snis;
    await admin.call(`PATCH /certificates/${id}`, { snis: ['y.example', '*.z.example'] });
    expect(await names()).to.deep.equal(['*.z.example', 'y.example']);
    await admin.call(`PATCH /certificates/${id}`, { tags: ['t'] });
    await admin.call(`PUT /certificates/${id}`, { ...b });
    expect(await names()).to.deep.equal(['*.z.example', 'y.example']);
    await admin.call(`PATCH /certificates/${id}`, { snis: [] });
    expect(await names()).to.deep.equal([]);
  });

  it('a server name belongs to one certificate', async () => {
    await made({ ...a, snis: ['x.example'] });
    const { status, body } = await admin.call('POST /certificates', { ...b, snis: ['x.example'] });
    expect([status, body.code]).to.deep.equal([409, 5]);
    expect((await admin.call('GET /certificates')).body.data).to.have.length(1);
  });

  it('an SNI: PUT by name, wildcards at either end, no address', async () => {
    const { id } = await made({ ...a });
    const put = (name: string) => admin.call(`PUT /snis/${name}`, { certificate: { id } });
    for (const name of ['a.example', '*.a.example', 'a.*', '*']) expect((await put(name)).status, name).to.equal(200);
    for (const name of ['127.0.0.1', 'a*.example', 'a.example:443', 'a_b c']) {
      expect((await put(encodeURIComponent(name))).body.name, name).to.equal('invalid unique name');
    }
    expect((await admin.call('PUT /snis/b.example', { certificate: { id: uuid(9) } })).body.code).to.equal(4);
    expect((await admin.call('DELETE /snis/a.example')).status).to.equal(204);
  });

  it('a certificate is removed with its SNIs, but not while a service uses it', async () => {
    const { id } = await made({ ...a, snis: ['x.example'] });
    const service = { host: 'h', protocol: 'https', client_certificate: { id } };
    const { body } = await admin.call('POST /services', service);
    expect(body.client_certificate).to.deep.equal({ id });
    expect((await admin.call(`DELETE /certificates/${id}`)).body.message).to.equal(
      "an existing 'services' entity references this 'certificates' entity",
    );
    await admin.call(`DELETE /services/${body.id}`);
    expect((await admin.call(`DELETE /certificates/${id}`)).status).to.equal(204);
    expect((await admin.call('GET /snis')).body.data).to.deep.equal([]);
  });

  it('a CA certificate is one certificate that can sign others, with its digest', async () => {
    const post = (cert: string) => admin.call('POST /ca_certificates', { cert });
    const { status, body } = await post(authority);
    expect(status).to.equal(201);
    expect(body.cert_digest).to.match(/^[0-9a-f]{64}$/);
    expect((await post(authority)).status).to.equal(409);
    expect((await post(a.cert)).body.message).to.match(/missing the "CA" basic constraint/);
    expect((await post(authority + authority)).body.message).to.match(/only one certificate at a time/);
    expect((await admin.call('GET /ca_certificates')).body.data).to.have.length(1);
  });

  it('the schema is Kong’s', async () => {
    const { body } = await admin.call('GET /schemas/certificates');
    const names = body.fields.flatMap((field: object) => Object.keys(field));
    expect(names).to.deep.equal(['id', 'created_at', 'updated_at', 'cert', 'key', 'cert_alt', 'key_alt', 'tags']);
  });
});

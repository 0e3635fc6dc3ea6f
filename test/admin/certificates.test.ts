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

  it('snis: null removes the names, and a response always lists the stored ones', async () => {
    const first = await made({ ...a });
    expect(first.snis).to.deep.equal([]);
    const { id } = await made({ ...a, snis: ['y.example', 'x.example'] });
    expect((await admin.call(`PUT /certificates/${id}`, { ...a })).body.snis).to.deep.equal(['x.example', 'y.example']);
    expect((await admin.call(`PATCH /certificates/${id}`, { tags: ['t'] })).body.snis).to.deep.equal([
      'x.example',
      'y.example',
    ]);
    for (const [line, body] of [
      [`PATCH /certificates/${id}`, { snis: null }],
      [`PUT /certificates/${id}`, { ...a, snis: null }],
      [`PATCH /certificates/${id}`, 'snis='],
    ] as const) {
      await admin.call(`PATCH /certificates/${id}`, { snis: ['x.example'] });
      expect((await admin.call(line, body)).body.snis, line).to.deep.equal([]);
      expect((await admin.call('GET /snis')).body.data, line).to.deep.equal([]);
      expect((await admin.call(`GET /certificates/${id}`)).body.snis, line).to.deep.equal([]);
    }
    expect((await made({ ...a, snis: null })).snis).to.deep.equal([]);
  });

  it('a server name belongs to one certificate, and stands in the list once', async () => {
    const first = await made({ ...a, snis: ['x.example'] });
    const other = await made({ ...b, snis: ['y.example'] });
    const taken = `x.example already associated with existing certificate '${first.id}'`;
    for (const [line, body, why] of [
      ['POST /certificates', { ...b, snis: ['z.example', 'x.example'] }, taken],
      [`PUT /certificates/${uuid(77)}`, { ...b, snis: ['x.example'] }, taken],
      [`PUT /certificates/${other.id}`, { ...b, snis: ['x.example'] }, taken],
      [`PATCH /certificates/${other.id}`, { snis: ['x.example'] }, taken],
      [`PATCH /certificates/${other.id}`, 'snis[]=x.example', taken],
      ['POST /certificates', { ...b, snis: ['z.example', 'z.example'] }, 'z.example is duplicated'],
      [`PUT /certificates/${other.id}`, { ...b, snis: ['z.example', 'z.example'] }, 'z.example is duplicated'],
      [`PATCH /certificates/${other.id}`, { snis: ['z.example', 'z.example'] }, 'z.example is duplicated'],
      [`PATCH /certificates/${other.id}`, 'snis[]=z.example&snis[]=z.example', 'z.example is duplicated'],
    ] as const) {
      const response = await admin.call(line, body);
      expect([response.status, response.body], `${line} ${JSON.stringify(body)}`).to.deep.equal([
        400,
        { code: 2, name: 'schema violation', message: `schema violation (snis: ${why})`, fields: { snis: why } },
      ]);
    }
    expect((await admin.call('POST /snis', { name: 'x.example', certificate: { id: other.id } })).status).to.equal(409);
    expect((await admin.call('GET /certificates')).body.data).to.have.length(2);
    expect((await admin.call('GET /snis')).body.data).to.have.length(2);
    // Its own name is not another certificate's.
    expect((await admin.call(`PUT /certificates/${other.id}`, { ...b, snis: ['y.example'] })).status).to.equal(200);
  });

  it('a certificate that is not stored changes no server names', async () => {
    const { id } = await made({ ...a, snis: ['x.example'] });
    const { status } = await admin.call('POST /certificates', { ...b, id, snis: ['y.example'] });
    expect(status).to.equal(400);
    expect((await admin.call(`GET /certificates/${id}`)).body.snis).to.deep.equal(['x.example']);
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

  it('a certificate that an upstream uses is not removed', async () => {
    const { id } = await made({ ...a });
    await admin.make('POST /upstreams', { name: 'u', client_certificate: { id } });
    expect((await admin.call(`DELETE /certificates/${id}`)).body.message).to.equal(
      "an existing 'upstreams' entity references this 'certificates' entity",
    );
    await admin.call('PATCH /upstreams/u', { client_certificate: null });
    expect((await admin.call(`DELETE /certificates/${id}`)).status).to.equal(204);
  });

  it('a CA certificate that a service uses is not removed', async () => {
    const { id } = await admin.make('POST /ca_certificates', { cert: authority });
    const service = await admin.make('POST /services', {
      host: 'h',
      protocol: 'https',
      ca_certificates: [id.toUpperCase()],
    });
    const message = `ca certificate ${id} is still referenced by services (id = ${service.id})`;
    const { status, body } = await admin.call(`DELETE /ca_certificates/${id}`);
    expect([status, body]).to.deep.equal([400, { code: 17, name: 'referenced by others', message }]);
    expect((await admin.call(`GET /ca_certificates/${id}`)).status).to.equal(200);
    await admin.call(`PATCH /services/${service.id}`, { ca_certificates: null });
    expect((await admin.call(`DELETE /ca_certificates/${id}`)).status).to.equal(204);
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

import { expect } from 'chai';
import { a, b } from '../support/certificates.ts';
import { type Gate, gate, nowhere, uuid } from './gate.ts';

describe('The Admin API: the keys in its paths', () => {
  let admin: Gate;

  beforeEach(async () => {
    admin = await gate();
  });

  afterEach(() => admin.close());

  const responseTo = async (line: string, body?: object) => {
    const { status, body: received } = await admin.call(line, body);
    return [status, received];
  };

  it('an invalid value of the field is refused before any row is looked up, by every method', async () => {
    const message = "invalid value 'a b': the only accepted ascii characters are alphanumerics or ., -, _, and ~";
    const refusal = [400, { code: 10, name: 'invalid unique name', message }];
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const body = method === 'GET' || method === 'DELETE' ? undefined : { host: 'h' };
      expect(await responseTo(`${method} /services/a%20b`, body), method).to.deep.equal(refusal);
    }
    expect(await responseTo('GET /services/a%20b/routes')).to.deep.equal(refusal);
    expect(await responseTo('POST /services/a%20b/routes', { paths: ['/a'] })).to.deep.equal(refusal);
    expect((await admin.call('GET /upstreams/1.2.3.4')).body).to.include({
      name: 'invalid unique name',
      message: "Invalid name ('1.2.3.4'); no ip addresses allowed",
    });
  });

  it('an entity without a name is found by its id only', async () => {
    const fields = { id: 'expected a valid UUID' };
    const message = `invalid primary key: '{id="expected a valid UUID"}'`;
    const refusal = [400, { code: 1, name: 'invalid primary key', message, fields }];
    expect(await responseTo('GET /ca_certificates/nope')).to.deep.equal(refusal);
    expect(await responseTo('PUT /acls/nope', { group: 'g' })).to.deep.equal(refusal);
    expect(await responseTo('DELETE /acls/nope')).to.deep.equal(refusal);
    expect(await responseTo(`GET /acls/${nowhere}`)).to.deep.equal([404, { message: 'Not found' }]);
  });

  it('below another entity, that one is looked up first', async () => {
    expect((await admin.call('GET /services/nope/routes/a%20b')).status).to.equal(404);
    await admin.call('PUT /services/s', { host: 'h' });
    expect((await admin.call('GET /services/s/routes/a%20b')).body.code).to.equal(10);
  });

  it('a group of a consumer and an address of an upstream can be any text', async () => {
    await admin.call('PUT /consumers/bob', {});
    expect((await admin.call('PUT /consumers/bob/acls/a%20b', {})).status).to.equal(200);
    expect((await admin.call('GET /consumers/bob/acls/a%20b')).body).to.include({ group: 'a b' });
    await admin.call('PUT /upstreams/u', {});
    expect((await admin.call('GET /upstreams/u/targets/a%20b')).status).to.equal(404);
  });

  it('a certificate is also found by its server names', async () => {
    await admin.call(`PUT /certificates/${uuid(1)}`, { ...a, snis: ['a.example', '*.a.example'] });
    expect((await admin.call('GET /certificates/a.example')).body.id).to.equal(uuid(1));
    expect((await admin.call('GET /certificates/*.a.example/snis')).body.data).to.have.length(2);
    expect((await admin.call('PATCH /certificates/a.example', { tags: ['t'] })).body).to.deep.include({
      id: uuid(1),
      tags: ['t'],
      snis: ['*.a.example', 'a.example'],
    });
    expect((await admin.call('PUT /certificates/a.example', { ...b })).body.id).to.equal(uuid(1));
    expect((await admin.call('DELETE /certificates/a.example')).status).to.equal(204);
    for (const line of ['GET /certificates/a.example', 'DELETE /certificates/a.example', 'GET /certificates/x/snis']) {
      expect(await responseTo(line)).to.deep.equal([404, { message: 'SNI not found' }]);
    }
    expect((await admin.call('GET /certificates/1.2.3.4')).body).to.include({
      name: 'invalid unique name',
      message: 'must not be an IP',
    });
  });

  it('a certificate that is created under a server name gets that name', async () => {
    expect((await admin.call('PUT /certificates/a.example', { ...a })).body.snis).to.deep.equal(['a.example']);
    const named = await admin.call('PUT /certificates/b.example', { ...b, snis: ['c.example'] });
    expect(named.body.snis).to.have.members(['b.example', 'c.example']);
    const form = new URLSearchParams({ ...a, snis: 'd.example' }).toString();
    expect((await admin.call('PUT /certificates/e.example', form)).body.snis).to.have.members([
      'd.example',
      'e.example',
    ]);
    expect((await admin.call('PUT /certificates/f.example', {})).status).to.equal(400);
    expect((await admin.call('GET /certificates/f.example')).status).to.equal(404);
  });
});

import { connect } from 'node:net';
import { expect } from 'chai';
import { type Gate, gate } from './gate.ts';

describe('The Admin API: requests', () => {
  let admin: Gate;
  before(async () => {
    admin = await gate();
    await admin.call('POST /services', { name: 'b', host: 'h' });
    await admin.call('POST /consumers', { username: 'a b/c?d' });
  });
  after(() => admin.close());

  it('are routed with one slash at the end, not with two, and by case', async () => {
    const status = async (path: string) => (await admin.call(`GET ${path}`)).status;
    expect(await status('/services/b/')).to.equal(200);
    expect(await status('/services/')).to.equal(200);
    expect(
      await raw('GET http://localhost/services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    ).to.match(/^HTTP\/1\.1 404 /);
    for (const path of ['//services', '/services//', '/Services', '/nothing/here', '/services/b/nothing', '/%']) {
      expect(await status(path), path).to.equal(404);
    }
  });

  it('name a key by any text, percent-encoded', async () => {
    expect((await admin.call('GET /%73ervices/b')).body).to.include({ name: 'b' });
    expect((await admin.call('GET /services/%62')).body).to.include({ name: 'b' });
    expect((await admin.call('GET /consumers/%zz')).status).to.equal(404);
    expect((await admin.call('GET /consumers/a%20b%2Fc%3Fd')).body).to.include({ username: 'a b/c?d' });
  });

  it('with another method get a 405', async () => {
    for (const line of ['POST /services/b', 'DELETE /services', 'PUT /services', 'PATCH /consumers', 'POST /status']) {
      const { status, body } = await admin.call(line, { host: 'x' });
      expect([status, body], line).to.deep.equal([405, { message: 'Method not allowed' }]);
    }
    expect((await admin.call('GET /schemas/plugins/validate')).status).to.equal(405);
  });

  it('with an unknown method get a 405, and malformed ones a 400', async () => {
    expect(await raw('FOO /services HTTP/1.1\r\nHost: localhost\r\n\r\n')).to.match(
      /^HTTP\/1\.1 405 .*Method not allowed"}$/s,
    );
    expect(await raw('GET services HTTP/1.1\r\n\r\n')).to.match(/^HTTP\/1\.1 400 .*\{"message":"Bad request"}$/s);
  });

  it('HEAD is GET without a body', async () => {
    const head = await admin.call('HEAD /services/b');
    expect([head.status, head.body]).to.deep.equal([200, '']);
    expect((await admin.call('HEAD /services/nope')).status).to.equal(404);
  });

  it('OPTIONS lists the methods', async () => {
    const { status, headers, body } = await admin.call('OPTIONS /services/b');
    expect([status, body]).to.deep.equal([204, '']);
    expect(headers).to.include({
      allow: 'DELETE, GET, HEAD, OPTIONS, PATCH, PUT',
      'access-control-allow-methods': 'DELETE, GET, HEAD, OPTIONS, PATCH, PUT',
      'access-control-allow-headers': 'Content-Type',
    });
    expect((await admin.call('OPTIONS /services')).headers['allow']).to.equal('GET, HEAD, OPTIONS, POST');
    expect((await admin.call('OPTIONS /nothing')).status).to.equal(404);
  });

  const bodies: readonly (readonly [what: string, body: string | Buffer, type: string, status: number])[] = [
    ['half an object', '{', 'application/json', 400],
    ['nothing, said to be JSON', '', 'application/json', 400],
    ['text in JSON', '"text"', 'application/json', 400],
    ['null', 'null', 'application/json', 400],
    ['a list', '[{"host":"h"}]', 'application/json', 400],
    ['no UTF-8', Buffer.from('{"host":"h\xff"}', 'latin1'), 'application/json', 400],
    ['JSON with a charset', '{"host":"h"}', 'application/json; charset=utf-8', 201],
    ['JSON in capitals', '{"host":"h"}', 'Application/JSON', 201],
    ['text', 'host=h', 'text/plain', 415],
    ['another kind of JSON', '{"host":"h"}', 'application/vnd.api+json', 415],
    ['multipart without parts', 'host=h', 'multipart/form-data; boundary=B', 400],
    ['multipart without a boundary', 'host=h', 'multipart/form-data', 400],
    ['a form with a stray percent sign', 'host=h&name=%zz', 'application/x-www-form-urlencoded', 400],
  ];
  for (const [what, body, type, status] of bodies) {
    it(`${what} gets a ${status}`, async () => {
      const response = await admin.call('POST /services', body, { 'content-type': type });
      expect(response.status, JSON.stringify(response.body)).to.equal(status);
    });
  }

  it('with a body need a Content-Type, others do not', async () => {
    expect((await admin.call('PATCH /services/b')).status).to.equal(200);
    const head = 'POST /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
    expect(await raw(`${head}Content-Length: 12\r\n\r\n{"host":"h"}`)).to.match(/^HTTP\/1\.1 415 /);
  });

  it('an empty form or multipart body changes nothing', async () => {
    for (const type of [
      'multipart/form-data; boundary=B',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
    ]) {
      expect((await admin.call('PATCH /services/b', '', { 'content-type': type })).status, type).to.equal(200);
    }
  });

  it('KD-17: a field that may stand once is refused twice', async () => {
    const head = `GET /services HTTP/1.1\r\nConnection: close\r\n`;
    const local = 'Host: localhost\r\n';
    for (const twice of [
      `${local}Host: localhost\r\n`,
      `${local}HOST: evil.example\r\n`,
      `${local}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n`,
      `${local}Content-Type: application/json\r\nContent-Type: text/plain\r\n`,
      `${local}Origin: http://localhost\r\nOrigin: http://evil.example\r\n`,
      `${local}Kong-Admin-Token: a\r\nKong-Admin-Token: b\r\n`,
    ]) {
      const response = await raw(`${head}${twice}\r\n`);
      expect(response, twice).to.match(/^HTTP\/1\.1 400 /);
      expect(response, twice).to.match(/"message":"The header (?:Host|\S+) must stand once"/);
    }
  });

  it('an empty list is an empty object', async () => {
    const { body } = await admin.call('POST /services', '[]', { 'content-type': 'application/json' });
    expect(body.fields).to.deep.equal({ host: 'required field missing' });
  });

  it('SE-09: with a body that is too large get a 413 before it is read', async () => {
    const declared = 'Content-Type: application/json\r\nContent-Length: 10485761\r\n';
    expect(await raw(`POST /services HTTP/1.1\r\nHost: localhost\r\n${declared}\r\n`)).to.match(
      /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s,
    );
    const chunked = `POST /services HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(`${chunked}a00001\r\n${' '.repeat(0xa00001)}\r\n`)).to.match(/^HTTP\/1\.1 413 /);
  });

  it('SE-09: with names of any depth are read', async () => {
    const deep = await admin.call('POST /services', `a${'[b]'.repeat(200)}=1&host=h`);
    expect([deep.status, Object.keys(deep.body.fields)]).to.deep.equal([400, [`a${'[b]'.repeat(200)}`]]);
    const json = await admin.call('POST /services', `{"host":"h","x":${'['.repeat(400)}${']'.repeat(400)}}`, {
      'content-type': 'application/json',
    });
    expect([json.status, json.body.fields]).to.deep.equal([400, { x: 'unknown field' }]);
  });

  it('get a 500 without a reason when the store fails, and the operator gets the reason', async () => {
    const broken = new Error('the disk is gone');
    const failing = await gate({ store: { ...admin.options.store, get: () => Promise.reject(broken) } });
    try {
      const { status, body } = await failing.call('GET /services/00000000-0000-4000-8000-000000000001');
      expect([status, body]).to.deep.equal([500, { message: 'An unexpected error occurred' }]);
      expect(failing.errors.splice(0)).to.deep.equal([broken]);
    } finally {
      await failing.close();
    }
  });

  /** The response to these bytes. */
  function raw(bytes: string): Promise<string> {
    return new Promise((done, fail) => {
      const chunks: Buffer[] = [];
      const socket = connect(admin.port, '127.0.0.1', () => socket.write(bytes));
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('close', () => done(Buffer.concat(chunks).toString('utf8')));
      socket.on('error', fail);
    });
  }
});

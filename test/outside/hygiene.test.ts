/** Identity headers from a client never reach the upstream as the gate's; malformed requests get a 4xx. */
import { connect } from 'node:net';
import { expect } from 'chai';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('A gate seen from outside', () => {
  let gate: TestGate;
  let token: string;
  before(async () => {
    gate = await openTestGate();
    await guardedApi(gate);
    const response = await gate.post('/api/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret',
    });
    token = response.body.access_token;
  });
  after(() => gate.close());

  /** Writes the bytes of a request and reads the whole response. */
  function raw(lines: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(gate.proxy).port), '127.0.0.1');
      let response = '';
      socket.setEncoding('latin1');
      socket.on('data', (text) => {
        response += text;
      });
      socket.on('close', () => resolve(response));
      socket.on('error', reject);
      socket.write(lines, 'latin1');
    });
  }

  it('RS-10, RS-12: X_Consumer_Username: root and Connection: x-consumer-id change nothing upstream', async () => {
    const response = await raw(
      [
        'GET /api/x HTTP/1.1',
        `Host: ${new URL(gate.proxy).host}`,
        `Authorization: Bearer ${token}`,
        'X_Consumer_Username: root',
        'x-consumer-id: root',
        'X-CONSUMER-USERNAME: root',
        'X-Authenticated-Userid: root',
        'Connection: x-consumer-id, x-consumer-username, close',
        '',
        '',
      ].join('\r\n'),
    );
    const seen = JSON.parse(response.slice(response.indexOf('\r\n\r\n') + 4));
    expect(seen.headers['x-consumer-username']).to.equal('alice');
    expect(seen.headers['x-consumer-id']).to.match(/^[0-9a-f-]{36}$/);
    expect(seen.rawHeaders.filter((text: string) => text === 'root')).to.deep.equal([]);
  });

  const bodies: readonly (readonly [what: string, type: string, body: string])[] = [
    ['JSON that ends too early', 'application/json', '{"grant_type":'],
    ['JSON that is a list', 'application/json', '[]'],
    ['JSON that is a string', 'application/json', '"x"'],
    ['JSON of another type', 'application/json', '{"client_id":{"$gt":""},"client_secret":["x"],"scope":7}'],
    ['a form with half an escape', 'application/x-www-form-urlencoded', 'client_id=%E0%A4%A&client_secret=%'],
    ['a form with NUL', 'application/x-www-form-urlencoded', 'client_id=app%00&grant_type=%00'],
    ['a form with hostile names', 'application/x-www-form-urlencoded', '__proto__=x&constructor=y&toString=z'],
    [
      'a form that says everything twice',
      'application/x-www-form-urlencoded',
      'client_id=app&client_id=app&scope=a&scope=b',
    ],
    ['multipart without a boundary', 'multipart/form-data', '--x\r\n\r\n'],
    [
      'multipart that does not end',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
    ],
    ['bytes that are no text', 'text/plain', '\xff\xfe\x00'],
    ['a megabyte of one parameter', 'application/x-www-form-urlencoded', `client_id=${'a'.repeat(1_100_000)}`],
    ['nothing', 'application/x-www-form-urlencoded', ''],
  ];
  for (const path of ['/api/oauth2/token', '/api/oauth2/authorize', '/oauth2/token']) {
    for (const [what, type, body] of bodies) {
      it(`TK-22: ${what} at ${path} gets a 4xx`, async () => {
        const response = await fetch(gate.proxy + path, { method: 'POST', headers: { 'Content-Type': type }, body });
        expect(response.status).to.be.within(400, 499);
        expect(await response.json()).to.have.property('error');
      });
    }
  }

  it('a bearer revokes its token: DELETE /oauth2/tokens gives 204, and the token is refused from then on', async () => {
    const { body } = await gate.post('/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret',
    });
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
    const headers = { Authorization: `Bearer ${body.access_token}` };
    expect((await fetch(`${gate.proxy}/oauth2/tokens`, { method: 'DELETE', headers })).status).to.equal(204);
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(401);
  });

  it('SE-02: no token, code or secret is in the log', async () => {
    const response = await gate.get(`/api/x?access_token=${token}`);
    expect(response.status).to.equal(200);
    const all = gate.log.join('');
    for (const secret of [token, 's3cret', 'the provision key']) expect(all).not.to.include(secret);
  });

  it('SE-01: no token or secret is in the files of the store', async () => {
    const { readFileSync, readdirSync } = await import('node:fs');
    const { join } = await import('node:path');
    const directory = join(gate.directory, 'store');
    const bytes = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(directory, name)).toString('latin1'))
      .join('');
    expect(bytes.length).to.be.greaterThan(1000);
    for (const secret of [token, 's3cret', 'the provision key']) expect(bytes).not.to.include(secret);
  });
});

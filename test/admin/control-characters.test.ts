import { expect } from 'chai';
import { type Gate, gate } from './gate.ts';

describe('The Admin API: text', () => {
  let admin: Gate;
  before(async () => {
    admin = await gate();
  });
  after(() => admin.close());

  for (const [what, call] of [
    ['a form with NUL', () => admin.call('POST /consumers', 'username=a%00b')],
    ['JSON with NUL', () => admin.call('POST /consumers', { username: 'a\0b' })],
    ['a bell', () => admin.call('POST /consumers', { custom_id: 'a\u0007b' })],
    ['a tag with an escape', () => admin.call('POST /consumers', { username: 'x', tags: ['\u001b[2J'] })],
  ] as const) {
    it(`TK-22: ${what} is refused by the name of the field, and nothing is stored`, async () => {
      const { status, body } = await call();
      expect(status).to.equal(400);
      expect(JSON.stringify(body.fields)).to.match(/username|custom_id|tags/);
      expect((await admin.call('GET /consumers')).body.data).to.deep.equal([]);
    });
  }

  it('UTF-8, spaces and line ends are accepted', async () => {
    expect((await admin.call('POST /consumers', { username: 'Zoë 日本 😀' })).status).to.equal(201);
  });
});

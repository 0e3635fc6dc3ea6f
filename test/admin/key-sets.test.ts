import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { type Gate, gate, nowhere } from './gate.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const pemOf = (pair: Pair) => ({
  private_key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  public_key: pair.publicKey.export({ format: 'pem', type: 'spki' }) as string,
});
const jwkOf = (key: KeyObject, kid: string) => JSON.stringify({ ...key.export({ format: 'jwk' }), kid });

describe('The Admin API: keys and key-sets', () => {
  let admin: Gate;

  beforeEach(async () => {
    admin = await gate();
  });

  afterEach(() => admin.close());

  const wrong = async (row: object) => {
    const { status, body } = await admin.call('POST /keys', row);
    expect(status, JSON.stringify(body)).to.equal(400);
    return body.message as string;
  };

  it('a key has Kong’s fields, and belongs to a set', async () => {
    const set = await admin.make('POST /key-sets', { name: 'issuer', tags: ['t'] });
    expect(Object.keys(set)).to.have.members(['id', 'name', 'tags', 'created_at', 'updated_at']);
    const jwk = jwkOf(rsa.publicKey, 'one');
    const key = await admin.make('POST /keys', { kid: 'one', name: 'first', set: { name: 'issuer' }, jwk });
    expect(key).to.deep.include({ kid: 'one', name: 'first', set: { id: set.id }, jwk, pem: null, tags: null });
    for (const path of [
      '/keys/first',
      `/keys/${key.id}`,
      '/key-sets/issuer/keys/first',
      `/key-sets/issuer/keys/${key.id}`,
    ]) {
      expect((await admin.call(`GET ${path}`)).body, path).to.deep.equal(key);
    }
    expect((await admin.call('GET /key-sets/issuer/keys')).body.data).to.deep.equal([key]);
    expect((await admin.call('GET /keys/first/set')).body).to.deep.equal(set);
    const nested = await admin.make('POST /key-sets/issuer/keys', { kid: 'two', pem: pemOf(ec) });
    expect(nested).to.deep.include({ set: { id: set.id }, jwk: null, pem: pemOf(ec) });
    expect((await admin.call('DELETE /key-sets/issuer/keys/first')).status).to.equal(204);
    expect((await admin.call('DELETE /key-sets/issuer')).status).to.equal(204);
    expect((await admin.call('GET /keys')).body.data).to.deep.equal([]);
    expect((await admin.call('POST /keys', { kid: 'x', jwk, set: { id: nowhere } })).status).to.equal(400);
  });

  it('public and private keys of each type load, as JWK and as PEM', async () => {
    for (const [n, pair] of [rsa, ec, ed].entries()) {
      for (const [at, part] of [pair.publicKey, pair.privateKey].entries()) {
        await admin.make('POST /keys', { kid: `${n}${at}`, jwk: jwkOf(part, `${n}${at}`) });
      }
      const { private_key, public_key } = pemOf(pair);
      for (const [at, pem] of [{ private_key }, { public_key }, { private_key, public_key }].entries()) {
        await admin.make('POST /keys', { kid: `pem${n}${at}`, pem });
      }
    }
    await admin.make('POST /keys', { kid: 'oct', jwk: JSON.stringify({ kty: 'oct', k: 'c2VjcmV0', kid: 'oct' }) });
  });

  it('a key is either a JWK or PEM', async () => {
    const jwk = jwkOf(rsa.publicKey, 'k');
    expect(await wrong({ kid: 'k', jwk, pem: pemOf(rsa) })).to.equal(
      "schema violation (only one or none of these fields must be set: 'jwk', 'pem')",
    );
    expect(await wrong({ kid: 'k' })).to.equal(
      "schema violation (at least one of these fields must be non-empty: 'jwk', 'pem')",
    );
    const { id } = await admin.make('POST /keys', { kid: 'k', jwk });
    expect((await admin.call(`PATCH /keys/${id}`, { pem: pemOf(rsa) })).status).to.equal(400);
    expect((await admin.call(`PATCH /keys/${id}`, { jwk: null, pem: pemOf(rsa) })).body.jwk).to.equal(null);
  });

  it('an invalid key is refused, and the error does not repeat it', async () => {
    const other = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
    for (const [row, message] of [
      [{ jwk: 'x' }, 'could not json decode jwk string'],
      [{ jwk: '[]' }, 'could not json decode jwk string'],
      [{ jwk: jwkOf(rsa.publicKey, 'other') }, 'kid in jwk.kid must be equal to keys.kid'],
      [{ jwk: '{"kty":"RSA","n":"AQAB","e":"AQAB"}' }, 'kid in jwk.kid must be equal to keys.kid'],
      [{ jwk: '{"kid":"k"}' }, 'could not load JWK: kty is missing'],
      [{ jwk: '{"kid":"k","kty":"EC","crv":"P-256","x":"AA","y":"AA"}' }, 'could not load JWK: its fields'],
      [{ jwk: '{"kid":"k","kty":"oct"}' }, 'could not load JWK: its fields'],
      [{ jwk: '{"kid":"k","kty":"none"}' }, 'could not load JWK: its fields'],
      [{ pem: {} }, 'need to supply a PEM formatted public and/or private key.'],
      [{ pem: { public_key: 'x' } }, 'pem.public_key: could not load public key'],
      [{ pem: { public_key: pemOf(rsa).private_key } }, 'pem.public_key: could not load public key'],
      [{ pem: { private_key: pemOf(rsa).public_key } }, 'pem.private_key: could not load private key'],
      [{ pem: { ...pemOf(rsa), public_key: other.public_key } }, 'public key does not match private key'],
    ] as const) {
      const said = await wrong({ kid: 'k', ...row });
      expect(said, JSON.stringify(row)).to.include(`schema violation (${message}`);
      expect(said).not.to.include('BEGIN');
    }
    expect(await wrong({ kid: 'k', jwk: { kty: 'RSA' } })).to.include('jwk: expected a string');
    expect(await wrong({ jwk: '{"kty":"RSA"}' })).to.include('kid: required field missing');
  });

  it('a kid is unique in its set, and a name everywhere', async () => {
    await admin.make('POST /key-sets', { name: 's' });
    const jwk = jwkOf(rsa.publicKey, 'k');
    const post = async (more: object) => (await admin.call('POST /keys', { kid: 'k', jwk, ...more })).status;
    const set = { name: 's' };
    expect([await post({}), await post({ set }), await post({}), await post({ set })]).to.deep.equal([
      201, 201, 409, 409,
    ]);
    await admin.make('POST /keys', { kid: 'n', name: 'n', pem: pemOf(ec) });
    expect((await admin.call('POST /keys', { kid: 'm', name: 'n', pem: pemOf(ec) })).status).to.equal(409);
    expect((await admin.call('POST /key-sets', { name: 's' })).status).to.equal(409);
  });

  it('schemas are Kong’s', async () => {
    const names = async (kind: string) =>
      (await admin.call(`GET /schemas/${kind}`)).body.fields.flatMap((field: object) => Object.keys(field));
    const times = ['tags', 'created_at', 'updated_at'];
    expect(await names('keys')).to.deep.equal(['id', 'set', 'name', 'kid', 'jwk', 'pem', ...times]);
    expect(await names('key_sets')).to.deep.equal(['id', 'name', ...times]);
    const { entity_checks: checks } = (await admin.call('GET /schemas/keys')).body;
    expect(checks.slice(0, 2)).to.deep.equal([
      { mutually_exclusive: ['jwk', 'pem'] },
      { at_least_one_of: ['jwk', 'pem'] },
    ]);
    expect((await admin.call('POST /schemas/keys/validate', { kid: 'k', pem: pemOf(rsa) })).status).to.equal(200);
  });
});

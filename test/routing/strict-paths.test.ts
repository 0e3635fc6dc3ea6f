/** `strict_paths`: the spellings of a path that an upstream may read as another path (docs/security.md). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';
import { request } from '../gateway/request.ts';

function gate(routes: Readonly<Record<string, { readonly [field: string]: Json }>>) {
  const snapshot = compileSnapshot({
    services: [{ id: 's', protocol: 'http', host: 'h', port: 80, path: null } as Entity],
    routes: Object.entries(routes).map(([id, fields]) => ({ id, service: { id: 's' }, ...fields }) as Entity),
    plugins: [],
    definitions: new Map(),
    tools: {} as never,
  });
  return (target: string) => {
    const found = snapshot.match(request(`GET ${target}`));
    return 'hooks' in found ? found.routeId : `${found.status} ${found.refusal}`;
  };
}

const refused = '400 path_ambiguous';
const guarded = { paths: ['/api', '~/v\\d+/orders'] };

/** Each spelling, with a path that has it. The page on security lists the same. */
const spellings = [
  ['%2f', '/x%2f..%2fapi'],
  ['..%2f', '/x/..%2fapi'],
  ['%5c', '/x%5c..%5capi'],
  ['\\', '/x\\..\\api'],
  [';', '/x/..;/api'],
  ['%3b', '/x%3By'],
  ['%25', '/%2561pi'],
  ['%3f', '/x%3fy'],
  ['%23', '/x%23y'],
  ['case', '/API/x'],
  ['final dot', '/x./y'],
  ['final blank', '/x%20/y'],
  ['octets that are not UTF-8', '/x/%c0%af/api'],
] as const;

describe('A route with strict_paths', () => {
  const strict = gate({ open: { paths: ['/'], strict_paths: true }, guarded });
  const lenient = gate({ open: { paths: ['/'] }, guarded });

  for (const [what, path] of spellings) {
    it(`refuses ${what}: ${path}; without it the path is forwarded as it is`, () => {
      expect(strict(path)).to.equal(refused);
      expect(lenient(path)).to.be.oneOf(['open', 'guarded']);
    });
  }

  it('refuses another case of the prefix or the regex of another route, and only that', () => {
    for (const path of ['/Api', '/aPI/x', '/V1/orders', '/v1/ORDERS/x']) expect(strict(path), path).to.equal(refused);
    for (const path of ['/Home', '/X/API', '/%C3%89T%C3%89']) expect(strict(path), path).to.equal('open');
    for (const path of ['/api', '/api/X', '/v1/orders/X']) expect(strict(path), path).to.equal('guarded');
    const upper = gate({ open: { paths: ['/'], strict_paths: true }, guarded: { paths: ['/API'] } });
    expect(upper('/api')).to.equal(refused);
    expect(upper('/API')).to.equal('guarded');
    const both = gate({ one: { paths: ['/api'], strict_paths: true }, two: { paths: ['/API'], strict_paths: true } });
    expect([both('/api'), both('/API')]).to.deep.equal(['one', 'two']);
  });

  it('accepts ordinary paths, in any spelling that the gate itself resolves', () => {
    for (const path of ['/', '/a/b', '/a//b/../c', '/%61/b', '/a+b', '/a:b@c,d=e', '/%C3%A9', '/a.b/.c', '/a%20b']) {
      expect(strict(path), path).to.equal('open');
    }
  });

  it('leaves the query alone', () => {
    expect(strict('/a?b=%2f;%5c')).to.equal('open');
  });

  it('is what the page on security lists', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'security.md'), 'utf8');
    for (const [what] of spellings) expect(page, what).to.contain(what);
  });
});

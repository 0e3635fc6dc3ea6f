import { expect } from 'chai';
import fc from 'fast-check';
import {
  criteriaOf,
  fitsBesidesPath,
  fitsPath,
  type RouteFields,
  type RoutingInput,
  routingInput,
} from '../../src/routing/criteria.ts';
import { normalizePath, pathOf } from '../../src/routing/path.ts';
import { inOrder, type Routed, type Router, router } from '../../src/routing/router.ts';
import { request } from '../gateway/request.ts';

/** Tries every route in turn: the specification of `router`, too slow to be used. */
function linear(routes: readonly Routed<string>[], subject: RoutingInput): string | undefined {
  return inOrder(routes).find(({ criteria }) => fitsBesidesPath(criteria, subject) && fitsPath(criteria, subject.path))
    ?.target;
}

describe('The index of the router', () => {
  const segment = fc.constantFrom('a', 'ab', 'abc', 'b', 'é', 'a b', '1', '12', 'x.y', '%2F');
  const prefix = fc.tuple(fc.array(segment, { maxLength: 3 }), fc.boolean()).map(([parts, open]) => {
    return parts.length === 0 ? '/' : `/${parts.join('/')}${open ? '/' : ''}`;
  });
  const regex = fc.constantFrom(
    ...[
      '~/a',
      '~/a/\\d+$',
      '~/(?i)AB',
      '~/(a|b)',
      '~/a|/b',
      '~/ab?c*',
      '~/é',
      '~/.*',
      '~/$',
      '~/(?<n>ab)/x',
      '~/a{2,}',
    ],
  );
  const host = fc.constantFrom(
    'h.example',
    'x.example',
    '*.example',
    '*.w.example',
    'h.*',
    'h.example:8000',
    'h.example:1',
  );
  const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(fc.uniqueArray(arbitrary, { maxLength: 3 }), { freq: 2 });
  const fields: fc.Arbitrary<RouteFields> = fc.record({
    methods: some(fc.constantFrom('GET', 'POST', 'DELETE')),
    hosts: some(host),
    paths: some(fc.oneof(prefix, prefix, regex)),
    headers: fc.option(fc.dictionary(fc.constantFrom('x-a', 'x-b'), fc.constantFrom(['1'], ['1', '2'], ['~*^\\d$'])), {
      freq: 2,
    }),
    snis: fc.option(fc.constant(['s.example']), { freq: 1 }),
    regexPriority: fc.constantFrom(0, 0, 1, 5, -1),
  });
  const sent = fc
    .record({
      method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT'),
      path: fc.oneof(
        prefix.map(encodeURI),
        fc.constantFrom('/a/12', '/aab', '/abc/x', '/b/1', '/a%2Fb', '/%FF/a', '//a'),
      ),
      host: fc.constantFrom('h.example', 'h.example:1', 'h.example:8000', 'q.w.example', 'H.example', 'y.example', ''),
      headers: fc.dictionary(fc.constantFrom('X-A', 'x-b'), fc.constantFrom('1', '2', 'z')),
      tls: fc.constantFrom(undefined, 's.example', 'other'),
    })
    .map(({ method, path, host, headers, tls }) =>
      request(
        `${method} ${path}`,
        { ...headers, Host: host },
        { sni: tls, scheme: tls === undefined ? 'http' : 'https' },
      ),
    );

  it('finds the same route as trying all in turn', () => {
    fc.assert(
      fc.property(
        fc.array(fields, { maxLength: 25 }),
        fc.array(sent, { minLength: 1, maxLength: 8 }),
        (routes, requests) => {
          const routed = routes.flatMap((route, i) => {
            const id = String((i * 7919) % 100).padStart(3, '0');
            return criteriaOf(route).map((criteria, part) => ({ id, part, criteria, target: `${id}.${part}` }));
          });
          const { find } = router(routed);
          for (const one of requests) {
            const subject = routingInput(one, normalizePath(pathOf(one.target)));
            expect(find(subject)?.target).to.equal(linear(routed, subject));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('after any changes finds what a router made of the remaining routes finds; the earlier router stays as it was', () => {
    fc.assert(
      fc.property(
        fc.array(fields, { maxLength: 25 }),
        fc.array(
          fc.record({ removed: fc.array(fc.nat(24), { maxLength: 6 }), added: fc.array(fc.nat(24), { maxLength: 6 }) }),
          {
            minLength: 1,
            maxLength: 5,
          },
        ),
        fc.array(sent, { minLength: 1, maxLength: 8 }),
        (routes, changes, requests) => {
          const all = routes.map((route, i) => {
            const id = String((i * 7919) % 100).padStart(3, '0');
            return criteriaOf(route).map((criteria, part) => ({ id, part, criteria, target: `${id}.${part}` }));
          });
          const subjects = requests.map((one) => routingInput(one, normalizePath(pathOf(one.target))));
          const foundBy = ({ find }: Router<string>) => subjects.map((subject) => find(subject)?.target);
          const present = new Set<number>(all.keys());
          let current = router(all.flat());
          for (const { removed, added } of changes) {
            const before = foundBy(current);
            const gone = removed.filter((n) => present.delete(n));
            const come = [...new Set(added)].filter((n) => n < all.length && !present.has(n));
            for (const n of come) present.add(n);
            const routed = (places: readonly number[]) => places.flatMap((n) => all[n]!);
            const next = finished(current.next(routed(gone), routed(come)));
            expect(foundBy(current)).to.deep.equal(before);
            expect(foundBy(next)).to.deep.equal(foundBy(router(routed([...present]))));
            current = next;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a change among ten thousand routes reads only those that change', () => {
    let ranked = 0;
    const routed = (i: number) => {
      const [criteria] = criteriaOf({
        ...{ methods: null, hosts: null, headers: null, snis: null, regexPriority: 0 },
        paths: [`/api/${i}/`],
      });
      const { rank } = criteria!;
      const counted = Object.defineProperty({ ...criteria! }, 'rank', {
        get() {
          ranked++;
          return rank;
        },
      });
      return { id: String(i), part: 0, criteria: counted, target: String(i) };
    };
    const all = Array.from({ length: 10_000 }, (_, i) => routed(i));
    const before = router(all);
    ranked = 0;
    const after = finished(before.next([all[7]!], [routed(10_001)]));
    expect(ranked).to.equal(2);
    const find = (path: string, { find }: Router<string>) => find(routingInput(request(`GET ${path}`), path))?.target;
    expect(find('/api/7/x', before)).to.equal('7');
    expect(find('/api/7/x', after)).to.equal(undefined);
    expect(find('/api/10001/x', after)).to.equal('10001');
    expect(find('/api/10000/x', after)).to.equal(undefined);
    expect(find('/api/71/x', after)).to.equal('71');
  });

  it('tries few of a thousand routes', () => {
    let asked = 0;
    const routed = Array.from({ length: 1000 }, (_, i) => {
      const [criteria] = criteriaOf({
        ...{
          methods: null,
          hosts: i % 2 === 0 ? [`h${i}.example`] : null,
          headers: null,
          snis: null,
          regexPriority: 0,
        },
        paths: [i % 3 === 0 ? `~/api/${i}/\\d+$` : `/api/${i}/`],
      });
      const counting = Object.defineProperty({ ...criteria! }, 'methods', { get: () => void asked++ });
      return { id: String(i), part: 0, criteria: counting, target: String(i) };
    });
    const { find } = router(routed);
    for (const [path, host, target] of [
      ['/api/501/7', '', '501'],
      ['/api/503/7', 'h500.example', '503'],
      ['/api/500/x', 'h500.example', '500'],
      ['/api/999/x', '', undefined],
    ] as const) {
      asked = 0;
      expect(find(routingInput(request(`GET ${path}`, { Host: host }), path))?.target).to.equal(target);
      expect(asked).to.be.at.most(2);
    }
  });
});

function finished<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** A snapshot keeps nothing of the snapshots before it: memory does not grow with the number of changes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { changeSteps, compileSnapshot, type SnapshotChanges } from '../../src/gateway/compile-snapshot.ts';
import type { PluginDefinition, PluginTools } from '../../src/gateway/plugin.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import type { Entity } from '../../src/ports/entity-store.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const plugin: PluginDefinition = { name: 'auth', priority: 1, authenticates: true, compile: () => ({}) };
const compiling = { definitions: new Map([['auth', plugin]]), tools: {} as PluginTools };

const kinds: { readonly [kind in keyof SnapshotChanges]-?: (n: number) => Entity } = {
  services: (n) => ({ id: 's0', protocol: 'http', host: n % 2 === 0 ? 'up' : 'a.example' }),
  routes: (n) => ({ id: `r${n}`, paths: [`/${n}`], protocols: ['http'], service: { id: 's0' }, strict_paths: true }),
  plugins: (n) => ({ id: `p${n % 3}`, name: 'auth', service: { id: 's0' }, consumer: { id: `c${n}` }, config: {} }),
  upstreams: (n) => ({ id: 'u0', name: 'up', slots: 100 + n, algorithm: 'round-robin', hash_on: 'none' }),
  targets: (n) => ({ id: `t${n}`, target: `h${n}.example:80`, weight: 100, upstream: { id: 'u0' } }),
};

describe('Snapshots before the current one', () => {
  for (const [kind, rowOf] of Object.entries(kinds)) {
    it(`are free after changes of ${kind}`, async () => {
      const before: WeakRef<Snapshot>[] = [];
      let current = compileSnapshot({
        ...compiling,
        services: [kinds.services(0)],
        routes: [kinds.routes(0)],
        plugins: [],
        upstreams: [kinds.upstreams(0)],
        targets: [kinds.targets(0)],
      });
      for (let n = 1; n <= 20; n++) {
        before.push(new WeakRef(current));
        const row = rowOf(n);
        current = finished(changeSteps({ [kind]: new Map([[row.id, row]]) }, { ...compiling, previous: current }));
      }
      // A weak reference that was made in this turn keeps its snapshot.
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
      expect(before.filter((one) => one.deref() !== undefined)).to.have.length(0);
      expect(current).to.have.property('match');
    });
  }
});

function finished(steps: Generator<undefined, Snapshot>): Snapshot {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

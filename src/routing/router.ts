import { type Criteria, fitsBesidesPath, fitsPath, type RoutingInput } from './criteria.ts';
import { octets } from './path.ts';

/**
 * Finds the route of a request: the one of the highest rank whose criteria all match.
 *
 * Routes lie in prefix trees by the beginning of their paths: one tree for each plain host, and one for routes without plain
 * hosts. So a request is compared only with routes whose prefix it has. A regex lies where its literal prefix ends. A
 * search allocates nothing.
 *
 * A router does not change. The next one shares all nodes with it, except those on the way to what was added or removed.
 */
export interface Router<Target> {
  find(subject: RoutingInput): Found<Target> | undefined;
  /** The same with other routes: first some are removed, then some added. In steps of about equal length. */
  next(removed: readonly Routed<Target>[], added: readonly Routed<Target>[]): Generator<undefined, Router<Target>>;
}

export interface Found<Target> {
  readonly criteria: Criteria;
  readonly target: Target;
}

export interface Routed<Target> extends Found<Target> {
  /** Decides between equal ranks; then `part` does. */
  readonly id: string;
  readonly part: number;
}

/** All at once. */
export function router<Target>(routes: readonly Routed<Target>[]): Router<Target> {
  const steps = emptyRouter<Target>().next([], routes);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

export function emptyRouter<Target>(): Router<Target> {
  return routerOf({ byHost: new Map(), others: node('', {}) });
}

interface Trees<Target> {
  readonly byHost: ReadonlyMap<string, Node<Target>>;
  readonly others: Node<Target>;
}

/** How many routes make one step. */
const routesInStep = 100;

function routerOf<Target>(trees: Trees<Target>): Router<Target> {
  const { byHost, others } = trees;
  return {
    find(subject) {
      const hosted = byHost.get(subject.host);
      const best = hosted === undefined ? undefined : search(hosted, subject, undefined);
      return search(others, subject, best);
    },

    *next(removed, added) {
      const owner: Owner = {};
      const hosts = new Map(byHost);
      let rest = others;
      const edit = (routed: Routed<Target>, change: (tree: Node<Target>, text: string) => Node<Target> | undefined) => {
        const { hosts: patterns } = routed.criteria;
        const exact = patterns?.filter(({ match }) => match === 'exact') ?? [];
        for (const text of beginnings(routed.criteria)) {
          for (const { text: host } of exact) {
            const tree = change(hosts.get(host) ?? node('', owner), text);
            if (tree === undefined) hosts.delete(host);
            else hosts.set(host, tree);
          }
          if (patterns === undefined || exact.length < patterns.length) {
            rest = change(rest, text) ?? node('', owner);
          }
        }
      };
      let changed = 0;
      for (const routed of removed) {
        edit(routed, (tree, text) => without(tree, text, routed, owner));
        if (++changed % routesInStep === 0) yield undefined;
      }
      for (const routed of added) {
        const candidate = candidateOf(routed);
        edit(routed, (tree, text) => withCandidate(tree, text, candidate, owner));
        if (++changed % routesInStep === 0) yield undefined;
      }
      return routerOf({ byHost: hosts, others: rest });
    },
  };
}

/** The routes in the order that they are tried. */
export function inOrder<Target>(routes: readonly Routed<Target>[]): Routed<Target>[] {
  return routes.map(candidateOf).sort(byOrder);
}

/** A route with its rank as two numbers, which compare faster than a bigint. */
interface Candidate<Target> extends Routed<Target> {
  readonly high: number;
  readonly low: number;
}

function candidateOf<Target>({ id, part, criteria, target }: Routed<Target>): Candidate<Target> {
  const { rank } = criteria;
  return { id, part, criteria, target, high: Number(rank >> 32n), low: Number(rank & 0xffffffffn) };
}

/** Below 0: `one` is tried first. 0: the same route. */
function byOrder<Target>(one: Candidate<Target>, other: Candidate<Target>): number {
  if (one.high !== other.high) return other.high - one.high;
  if (one.low !== other.low) return other.low - one.low;
  if (one.id !== other.id) return one.id > other.id ? -1 : 1;
  return one.part - other.part;
}

/** A node is changed in place only by the change that made it. */
type Owner = object;

interface Node<Target> {
  readonly owner: Owner;
  /** The text after the parent's. */
  label: string;
  /** By the first code unit of their labels. */
  readonly children: Map<number, Node<Target>>;
  /** The routes whose prefix ends here, in order. */
  readonly candidates: Candidate<Target>[];
}

function node<Target>(label: string, owner: Owner): Node<Target> {
  return { owner, label, children: new Map(), candidates: [] };
}

function editable<Target>(here: Node<Target>, owner: Owner): Node<Target> {
  if (here.owner === owner) return here;
  return { owner, label: here.label, children: new Map(here.children), candidates: [...here.candidates] };
}

function search<Target>(
  tree: Node<Target>,
  subject: RoutingInput,
  found: Candidate<Target> | undefined,
): Candidate<Target> | undefined {
  const { path } = subject;
  let best = found;
  let at = 0;
  let here: Node<Target> | undefined = tree;
  while (here !== undefined && path.startsWith(here.label, at)) {
    at += here.label.length;
    for (const candidate of here.candidates) {
      if (best !== undefined && byOrder(candidate, best) >= 0) break;
      // A prefix matches if the search comes here.
      const { criteria } = candidate;
      if (fitsBesidesPath(criteria, subject) && (criteria.regexes.length === 0 || fitsPath(criteria, path))) {
        best = candidate;
        break;
      }
    }
    here = at < path.length ? here.children.get(path.charCodeAt(at)) : undefined;
  }
  return best;
}

function beginnings({ prefixes, regexes }: Criteria): Iterable<string> {
  if (regexes.length > 0) return new Set(regexes.map(({ literalPrefix }) => octets(literalPrefix)));
  return prefixes.length === 0 ? [''] : prefixes;
}

/** The tree with a candidate where `text` ends. */
function withCandidate<Target>(
  tree: Node<Target>,
  text: string,
  candidate: Candidate<Target>,
  owner: Owner,
): Node<Target> {
  const here = editable(tree, owner);
  if (text === '') {
    const { candidates } = here;
    const place = placeOf(candidates, candidate);
    const present = candidates[place];
    if (present === undefined || byOrder(present, candidate) !== 0) candidates.splice(place, 0, candidate);
    return here;
  }
  const first = text.charCodeAt(0);
  const next = here.children.get(first);
  if (next === undefined) {
    const leaf = node<Target>(text, owner);
    leaf.candidates.push(candidate);
    here.children.set(first, leaf);
    return here;
  }
  const shared = sharedLength(next.label, text);
  let below = next;
  if (shared < next.label.length) {
    below = node<Target>(next.label.slice(0, shared), owner);
    const lower = editable(next, owner);
    lower.label = next.label.slice(shared);
    below.children.set(lower.label.charCodeAt(0), lower);
  }
  here.children.set(first, withCandidate(below, text.slice(shared), candidate, owner));
  return here;
}

/** The tree without a route where `text` ends; `undefined`: nothing is left. */
function without<Target>(
  tree: Node<Target>,
  text: string,
  routed: Routed<Target>,
  owner: Owner,
): Node<Target> | undefined {
  const here = editable(tree, owner);
  if (text === '') {
    const candidate = candidateOf(routed);
    const place = placeOf(here.candidates, candidate);
    const present = here.candidates[place];
    if (present !== undefined && byOrder(present, candidate) === 0) here.candidates.splice(place, 1);
  } else {
    const first = text.charCodeAt(0);
    const next = here.children.get(first);
    if (next === undefined || !text.startsWith(next.label)) return here;
    const below = without(next, text.slice(next.label.length), routed, owner);
    if (below === undefined) here.children.delete(first);
    else here.children.set(first, joined(below, owner));
  }
  return here.candidates.length === 0 && here.children.size === 0 ? undefined : here;
}

/** A node without candidates and with one child is one with its child. */
function joined<Target>(here: Node<Target>, owner: Owner): Node<Target> {
  if (here.candidates.length > 0 || here.children.size !== 1) return here;
  const [child] = here.children.values();
  const whole = editable(child!, owner);
  whole.label = here.label + whole.label;
  return whole;
}

/** The first place whose candidate is not tried before this one. */
function placeOf<Target>(candidates: readonly Candidate<Target>[], candidate: Candidate<Target>): number {
  let low = 0;
  let high = candidates.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byOrder(candidates[middle]!, candidate) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sharedLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}

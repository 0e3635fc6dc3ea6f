import { type Criteria, fitsBesidesPath, fitsPath, type RoutingInput } from './criteria.ts';
import { octets } from './path.ts';

/**
 * Finds the route of a request: the one of the highest rank whose criteria all match.
 *
 * Routes lie in prefix trees by the beginning of their paths: one tree for each plain host, and one for routes without plain
 * hosts. So a request is compared only with routes whose prefix it has. A regex lies where its literal prefix ends. A
 * search allocates nothing.
 */
export interface Router<Target> {
  find(subject: RoutingInput): Found<Target> | undefined;
}

export interface Found<Target> {
  readonly criteria: Criteria;
  readonly target: Target;
}

export interface Routed<Target> extends Found<Target> {
  /** Decides between equal ranks. */
  readonly id: string;
}

export function router<Target>(routes: readonly Routed<Target>[]): Router<Target> {
  const byHost = new Map<string, Node<Target>>();
  const others: Node<Target> = node('');
  for (const [order, { criteria, target }] of inOrder(routes).entries()) {
    const candidate: Candidate<Target> = { order, criteria, target };
    const exact = criteria.hosts?.filter(({ match }) => match === 'exact') ?? [];
    for (const { text } of exact) {
      const tree = byHost.get(text) ?? node('');
      byHost.set(text, tree);
      insert(tree, candidate);
    }
    if (criteria.hosts === undefined || exact.length < criteria.hosts.length) insert(others, candidate);
  }
  return {
    find(subject) {
      const hosted = byHost.get(subject.host);
      const best = hosted === undefined ? undefined : search(hosted, subject, undefined);
      return search(others, subject, best);
    },
  };
}

/** The routes in the order that they are tried. */
export function inOrder<Target>(routes: readonly Routed<Target>[]): Routed<Target>[] {
  return [...routes].sort((one, other) => {
    if (one.criteria.rank !== other.criteria.rank) return one.criteria.rank > other.criteria.rank ? -1 : 1;
    return one.id === other.id ? 0 : one.id > other.id ? -1 : 1;
  });
}

interface Candidate<Target> extends Found<Target> {
  /** The place in the order of all; 0 is tried first. */
  readonly order: number;
}

interface Node<Target> {
  /** The text after the parent's. */
  label: string;
  /** By the first code unit of their labels. */
  children: Map<number, Node<Target>>;
  /** The routes whose prefix ends here, in order. */
  readonly candidates: Candidate<Target>[];
}

function node<Target>(label: string): Node<Target> {
  return { label, children: new Map(), candidates: [] };
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
      if (best !== undefined && candidate.order >= best.order) break;
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

function insert<Target>(tree: Node<Target>, candidate: Candidate<Target>): void {
  for (const beginning of beginnings(candidate.criteria)) place(tree, beginning, candidate);
}

function beginnings({ prefixes, regexes }: Criteria): Iterable<string> {
  if (regexes.length > 0) return new Set(regexes.map(({ literalPrefix }) => octets(literalPrefix)));
  return prefixes.length === 0 ? [''] : prefixes;
}

function place<Target>(tree: Node<Target>, text: string, candidate: Candidate<Target>): void {
  let here = tree;
  let rest = text;
  while (rest !== '') {
    const first = rest.charCodeAt(0);
    const next = here.children.get(first);
    if (next === undefined) {
      const leaf = node<Target>(rest);
      here.children.set(first, leaf);
      here = leaf;
      break;
    }
    const shared = sharedLength(next.label, rest);
    if (shared < next.label.length) {
      const fork = node<Target>(next.label.slice(0, shared));
      next.label = next.label.slice(shared);
      fork.children.set(next.label.charCodeAt(0), next);
      here.children.set(first, fork);
      here = fork;
    } else here = next;
    rest = rest.slice(shared);
  }
  if (here.candidates.at(-1) !== candidate) here.candidates.push(candidate);
}

function sharedLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}

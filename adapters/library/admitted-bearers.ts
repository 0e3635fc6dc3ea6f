import type { Bearer } from '../../src/oauth/tokens.ts';

/** The bearer of each request that a transport admitted, kept for as long as the request itself. */
export function admittedBearers<Request extends object>(
  problem: string,
): { set(request: Request, bearer: Bearer): void; get(request: Request | undefined): Bearer } {
  const bearers = new WeakMap<Request, Bearer>();
  return {
    set: (request, bearer) => void bearers.set(request, bearer),
    get(request) {
      const found = request === undefined ? undefined : bearers.get(request);
      if (found === undefined) throw new Error(problem);
      return found;
    },
  };
}

import type fc from 'fast-check';

/**
 * A port that is far away: fast-check chooses when each call arrives there and when its response comes back. What the port
 * does in between is its own, and indivisible or not as it is.
 */
export function scheduled<P extends object>(s: fc.Scheduler, name: string, port: P): P {
  const far =
    (method: string, call: (...args: never[]) => unknown) =>
    async (...args: never[]) => {
      await s.schedule(Promise.resolve(), `${name}.${method} arrives`);
      const response = await call.apply(port, args);
      return s.schedule(Promise.resolve(response), `${name}.${method} responses`);
    };
  return Object.fromEntries(
    Object.entries(port).map(([method, call]) => [method, far(method, call as (...args: never[]) => unknown)]),
  ) as P;
}

/** What a store that is made of two steps does between them. */
export const elsewhere = (s: fc.Scheduler): Promise<void> => s.schedule(Promise.resolve(), 'between two steps');

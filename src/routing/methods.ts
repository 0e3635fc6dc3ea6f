/**
 * The methods that the gate accepts, over every version of HTTP: those that the parser of node:http knows. It refuses others
 * before any code of ours runs, so a route for another method could match over HTTP/2 only.
 */
export const acceptedMethods: ReadonlySet<string> = new Set(
  (
    'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY ' +
    'OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK ' +
    'UNLOCK UNSUBSCRIBE'
  ).split(' '),
);

/** Why a route cannot have this method; `undefined` if it can. */
export function checkMethod(method: string): string | undefined {
  if (acceptedMethods.has(method)) return undefined;
  return `the gate accepts no requests with the method '${method}'; its HTTP parser knows ${[...acceptedMethods].join(', ')}`;
}

/**
 * Every reason, besides those of OAuth (../oauth/refusals.ts), for which the gate refuses a request: its code in the log and
 * the metrics, and what to do about it. The codes are stable. docs/errors.md is generated from here.
 */
import type { RefusalReason } from '../oauth/refusals.ts';

export const gateRefusals = {
  // The request itself
  bad_request: 'The request is not valid HTTP, or ambiguous. Fix the client.',
  head_too_large:
    'The request line and the headers together are too long. Send fewer or shorter headers; check the cookies.',
  head_timeout: 'The head of the request did not arrive in time.',
  body_timeout: 'The body of the request did not arrive in time.',
  body_memory_full: 'Request bodies fill the memory for them (limit_body_memory). Retry after the time in Retry-After.',
  connections_full: 'The gate has as many connections as limit_connections allows. Retry later.',
  connections_from_address_full:
    'The address has as many connections as limit_connections_per_address allows. If it is a proxy of yours, name it in trusted_ips.',
  streams_full: 'All HTTP/2 connections together have as many requests as limit_streams allows. Retry later.',
  expectation_failed: 'The Expect header has another value than 100-continue.',
  client_timeout: 'The client did not read the response in time.',
  client_gone: 'The client disconnected before it had the response. Logged as 499.',
  // The configuration
  unmatched: 'No route matches the request, or the route requires HTTPS. Check hosts, paths, methods and protocols.',
  root_endpoint_ambiguous:
    'Several authorization servers could be meant by /oauth2/token or /oauth2/authorize at the root. Call the endpoint below the path of a route.',
  path_ambiguous:
    'The route has strict_paths, and its upstream may read the path as another one. docs/security.md lists such paths.',
  no_service: 'The route has no service. Set one.',
  protocol_unsupported: 'The gate does not forward the protocol of the service.',
  upgrade_unsupported: 'The client asks to upgrade the connection to a protocol that the gate does not offer here.',
  no_healthy_target: 'No target of the upstream is healthy. Check the targets, and /upstreams/{upstream}/health.',
  // The upstream
  upstream_unresolved: 'The name server does not know the host of the service.',
  upstream_unreachable: 'The gate could not connect to the service.',
  upstream_closed: 'The service closed the connection before it responded.',
  upstream_malformed: 'The response of the service is not valid HTTP.',
  upstream_response_too_large:
    'The response of the service is too large for a plugin to change. Check the plugins of the route.',
  upstream_timeout: 'The service did not respond within its connect_timeout, write_timeout and read_timeout.',
  // Plugins
  plugin: 'A plugin responded instead of the service.',
  terminated: 'The request-termination plugin is enabled.',
  rate_limited: 'The caller has reached a limit of rate-limiting. Retry after the time in Retry-After.',
  address_forbidden: 'ip-restriction does not allow this address.',
  caller_unknown: 'acl requires an authenticated caller. Put an authentication plugin on the route.',
  group_forbidden: 'acl does not allow the groups of this consumer.',
  credential_missing: 'The request has no credential of the kind that the route requires.',
  credential_repeated: 'The request has more than one credential.',
  credential_malformed: 'The credential is malformed, or lacks a claim.',
  credential_invalid: 'The credential belongs to no consumer, or has expired.',
  attempts_rate_limited: 'Too many passwords of this user wait to be checked. Retry after the time in Retry-After.',
  // The gate
  store_unavailable: 'The store is unavailable, so no request is admitted. Check the store; the gate needs no restart.',
  internal_error: 'An error of the gate. The log has it under the same request id.',
} as const satisfies Readonly<Record<string, string>>;

export type GateRefusal = keyof typeof gateRefusals;

/** Third-party plugins prefix their own codes with `x-`. */
export type RefusalCode = RefusalReason | GateRefusal | `x-${string}`;

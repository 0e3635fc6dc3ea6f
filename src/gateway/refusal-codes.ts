/**
 * Every reason, beside those of OAuth (../oauth/refusals.ts), for which the gate does not let a request through: what the
 * log and the metrics call it, and what to do about it. The codes are stable; docs/errors.md is made from here.
 */
import type { RefusalReason } from '../oauth/refusals.ts';

export const gateRefusals = {
  // The request itself
  bad_request: 'The request could not be read as HTTP, or could be read in two ways. Mend the client.',
  head_too_large: 'Request line and headers together are too long. Send fewer or shorter ones; cookies grow.',
  head_timeout: 'The head of the request did not come in time.',
  body_timeout: 'The body of the request did not come in time.',
  expectation_failed: 'Expect asks for something other than 100-continue.',
  client_timeout: 'The client did not take the answer in time.',
  client_gone: 'The client went away before it had its answer. Logged as 499.',
  // The configuration
  unmatched: 'No route takes the request, or the route wants HTTPS. Check hosts, paths, methods and protocols.',
  no_service: 'The route has no service. Give it one.',
  protocol_unsupported: 'The service speaks a protocol that the gate does not forward yet.',
  upgrade_unsupported: 'The client asks for another protocol on the connection, which the gate does not offer here.',
  no_healthy_target: 'No target of the upstream is healthy. Check the targets, and /upstreams/{upstream}/health.',
  // The upstream
  upstream_unresolved: 'The host of the service is not known to the name server.',
  upstream_unreachable: 'No connection to the service could be made.',
  upstream_closed: 'The service closed the connection before it had answered.',
  upstream_malformed: 'What the service answered is not HTTP.',
  upstream_response_too_large:
    'The response of the service is too large for a plugin to change. Check the plugins of the route.',
  upstream_timeout: 'The service did not answer within the times of its entity (connect, write and read timeout).',
  // Plugins
  plugin: 'A plugin answered in the place of the service.',
  terminated: 'The request-termination plugin is on.',
  rate_limited: 'The caller has used up a limit of rate-limiting. Retry-After says when to come again.',
  address_forbidden: 'ip-restriction does not let this address in.',
  caller_unknown: 'acl needs to know the caller, and nobody was authenticated.',
  group_forbidden: 'acl does not let the groups of this consumer in.',
  credential_missing: 'The request carries no credential of the kind that the route asks for.',
  credential_repeated: 'The request carries more than one credential.',
  credential_malformed: 'The credential cannot be read, or lacks a claim.',
  credential_invalid: 'The credential is not that of a consumer, or has expired.',
  attempts_rate_limited: 'Too many passwords wait to be checked. Retry-After says when to come again.',
  // The gate
  store_unavailable: 'The store cannot be asked, so nobody may pass. Check the store; nothing needs a restart.',
  internal_error: 'A mistake of ours; the log has it under the same request id.',
} as const satisfies Readonly<Record<string, string>>;

export type GateRefusal = keyof typeof gateRefusals;

/** A plugin of somebody else's names its own codes with `x-` before them. */
export type RefusalCode = RefusalReason | GateRefusal | `x-${string}`;

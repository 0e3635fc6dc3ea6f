import type { PluginDescription } from '../entities/plugins.ts';
import type { BearerCheck } from '../gate.ts';
import type { Consumer } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Grant } from '../oauth/tokens.ts';
import type { Counters } from '../ports/counters.ts';
import type { Entity, Json } from '../ports/entity-store.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { MaybePromise } from '../ports/maybe-promise.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { PluginRecords } from '../ports/plugin-records.ts';
import type { PathCaptures } from '../routing/criteria.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import type { RefusalCode } from './refusal-codes.ts';

/**
 * A plugin: a name, a priority, a description of its settings, and a function that turns settings into hooks once, when
 * the configuration snapshot is compiled. No request looks up a plugin by name.
 */
export interface PluginDefinition {
  readonly name: string;
  /** Higher runs earlier (Kong's order). */
  readonly priority: number;
  /** Whether it finds out who the caller is. Identity headers of a client never pass a route that has such a plugin. */
  readonly authenticates: boolean;
  compile(config: PluginConfig, place: PluginPlace, tools: PluginTools): PluginHooks;
}

/** A plugin with the description of its settings. */
export interface Plugin extends PluginDefinition, PluginDescription {}

/** The settings of a plugin, validated. `definePlugin` gives them types. */
export type PluginConfig = { readonly [field: string]: Json };

/** What an instance of a plugin is limited to; `undefined`: not limited. */
export interface PluginPlace {
  readonly pluginId: string;
  readonly routeId: string | undefined;
  readonly serviceId: string | undefined;
  readonly consumerId: string | undefined;
}

/** What a hook may use from outside of the core. The composition root provides it. */
export interface PluginTools {
  /** In milliseconds; never goes back. For times that this gate counts and issues. */
  readonly now: () => number;
  /** The clock of this machine, which may go back. For times that others set (`exp` of a JWT, `Date`). */
  readonly wallClock: () => number;
  /** The bearer check over the store. */
  readonly gate: BearerCheck;
  /** Revokes every token of a grant. `issuer` issued them, and may be issuing more at the same time. */
  readonly revokeGrant: (grant: Grant, issuer: Issuer) => MaybePromise<void>;
  /** A consumer by its id or its username. */
  readonly findConsumer: (idOrUsername: string) => MaybePromise<Consumer | undefined>;
  /** `loopback`: token requests over plain HTTP are accepted on loopback only. */
  readonly plainHttpTokens: 'loopback' | 'never';
  /** The URL of the gate for clients, without a final slash. Issuer identifiers are made from it. */
  readonly publicUrl: string | undefined;
  readonly records: PluginRecords;
  readonly passwords: Passwords;
  /** `local`: counts on this machine. `cluster`: counts over all gates that share the store. */
  readonly counters: { readonly local: Counters; readonly cluster: Counters };
  readonly entropy: Entropy;
  /** Logs an error that does not end the request. */
  readonly failed: (error: unknown, place: PluginPlace) => void;
}

export interface PluginHooks {
  /**
   * The id of the authorization server of the plugin. Its endpoints also respond at the root of the gate if no route
   * matches and there is only one authorization server.
   */
  readonly issues?: string;
  /** Runs before the request goes upstream. `undefined`: the request goes on. Returns a promise only if it has to wait. */
  access?(exchange: Exchange): MaybePromise<AccessDecision>;
  /**
   * Runs instead of `access` when an earlier plugin hands the request to one of our endpoints. With a response the request
   * does not get there.
   */
  handover?(exchange: Exchange, handover: Handover): MaybePromise<DirectResponse | undefined>;
  /** Runs when the head of the response is known, from the upstream or the gate. Adds, sets and removes headers. */
  respond?(exchange: Exchange, head: ResponseHead): void;
  /** Changes the bodies of responses, after `respond`; not of responses of our own endpoints. */
  readonly body?: BodyHook;
}

/** A response whose body a plugin wants is held back until the whole body was received. Too large a body becomes a 502. */
export interface BodyHook {
  wants(exchange: Exchange, head: ResponseHead): boolean;
  /** Returns the body that is sent instead. */
  change(exchange: Exchange, head: ResponseHead, body: Uint8Array): Uint8Array;
}

export type AccessDecision = undefined | DirectResponse | Handover;

/** The request is for one of our own endpoints, which the Koa application of the listener serves. */
export interface Handover {
  readonly handover: 'token' | 'authorize';
  /** The whole body is read first, up to this many bytes. The endpoint finds a longer one missing. */
  readonly largestBody: number;
  /** What the endpoint needs from the plugin; opaque to the proxy. */
  readonly to: unknown;
}

/** One request and what is known about it. Each request has a new one; the hooks write into it. */
export interface Exchange {
  readonly request: ProxiedRequest;
  readonly requestId: string;
  /** The client's address, by X-Forwarded-For where the peer is trusted. */
  readonly clientAddress: string;
  /** The matched route's and service's ids; a route may have no service. */
  readonly routeId: string;
  readonly serviceId: string | undefined;
  /** The rows of both, for plugins that show them. */
  readonly rows?: MatchedRows | undefined;
  /** The path after normalisation, still percent-encoded, without query. */
  readonly path: string;
  /** The captures of the route's regex in the path; `undefined` if it has none. */
  readonly captures: (() => PathCaptures) | undefined;
  /** The caller, once a plugin has authenticated it. Set by `identify`. */
  identity: Identity | undefined;
  /** Why the gate refused the request, for log and metrics: a code of the table of refusals. */
  refusal: RefusalCode | undefined;
  /** The `client_id` in a request to one of our endpoints. */
  clientId: string | undefined;
}

/** Rows as the Admin API shows them. */
export interface MatchedRows {
  readonly route: Entity;
  readonly service: Entity | undefined;
}

export interface Identity {
  readonly consumer: Consumer | undefined;
  /** Whether the caller was not authenticated, and the consumer is the one that `anonymous` names. */
  readonly anonymous: boolean;
  /** The id of the credential, and its public name (a `client_id`, a user name). */
  readonly credential: { readonly id: string; readonly identifier: string | undefined } | undefined;
}

export interface ResponseHead {
  readonly status: number;
  header(name: string): string | undefined;
  setHeader(name: string, value: string): void;
  addHeader(name: string, value: string): void;
  removeHeader(name: string): void;
}

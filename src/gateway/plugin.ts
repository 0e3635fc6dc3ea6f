import type { PluginDescription } from '../entities/plugins.ts';
import type { BearerCheck } from '../gate.ts';
import type { Consumer } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Grant } from '../oauth/tokens.ts';
import type { Counters } from '../ports/counters.ts';
import type { Json } from '../ports/entity-store.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { MaybePromise } from '../ports/maybe-promise.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { PluginRecords } from '../ports/plugin-records.ts';
import type { PathCaptures } from '../routing/criteria.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import type { RefusalCode } from './refusal-codes.ts';

/**
 * What a plugin is: a name, a place in the order, a description of its settings, and a function that turns settings
 * into hooks once, when the configuration snapshot is compiled. Nothing is looked up by name during a request.
 */
export interface PluginDefinition {
  readonly name: string;
  /** Higher runs earlier (Kong's order). */
  readonly priority: number;
  /** Whether it says who the caller is. Identity headers of a client never pass a route that has such a plugin. */
  readonly authenticates: boolean;
  compile(config: PluginConfig, about: PluginPlace, tools: PluginTools): PluginHooks;
}

/** A plugin whole: what it does, and what an operator may write of it. */
export interface Plugin extends PluginDefinition, PluginDescription {}

/** A plugin's settings after validation, defaults filled in. */
export type PluginConfig = { readonly [field: string]: Json };

/** What the plugin is attached to; `undefined` where it is not limited. */
export interface PluginPlace {
  readonly pluginId: string;
  readonly routeId: string | undefined;
  readonly serviceId: string | undefined;
  readonly consumerId: string | undefined;
}

/** What a hook may use of the outside, handed in by the composition root. */
export interface PluginTools {
  /** In milliseconds, and it never goes back: for what this gate counts and gives out. */
  readonly now: () => number;
  /** What the clock of this machine says, which may go back: for times that others tell (`exp` of a JWT, `Date`). */
  readonly wallClock: () => number;
  /** The bearer check over the store. */
  readonly gate: BearerCheck;
  /** Revokes every token of a grant. `issuer` issued them, and may be issuing more at the same time. */
  readonly revokeGrant: (grant: Grant, issuer: Issuer) => MaybePromise<void>;
  /** A consumer by its id or its username. */
  readonly findConsumer: (idOrUsername: string) => MaybePromise<Consumer | undefined>;
  /** `loopback`: token requests over plain HTTP are let pass on loopback alone. */
  readonly plainHttpTokens: 'loopback' | 'never';
  /** How clients reach the gate, without a slash at the end; issuers are named by it. */
  readonly publicUrl: string | undefined;
  readonly records: PluginRecords;
  readonly passwords: Passwords;
  /** `local`: of this machine. `cluster`: of all gates that share the store. */
  readonly counters: { readonly local: Counters; readonly cluster: Counters };
  readonly entropy: Entropy;
  /** Something went wrong that the request survives; for the operator's log. */
  readonly failed: (error: unknown, place: PluginPlace) => void;
}

export interface PluginHooks {
  /**
   * The id of the authorization server that the plugin is. Its endpoints are also answered at the root of the gate, where
   * no route matches and only one server can be meant.
   */
  readonly issues?: string;
  /** Before the request goes upstream. `undefined`: go on. Answers at once whenever it can. */
  access?(exchange: Exchange): MaybePromise<AccessDecision>;
  /**
   * In the place of `access`, where a plugin that ran before hands the request to one of our endpoints. Whoever answers
   * keeps it from there.
   */
  handover?(exchange: Exchange, handover: Handover): MaybePromise<DirectResponse | undefined>;
  /** When the head of the answer is known, whoever made it: adds, sets and removes its headers. */
  respond?(exchange: Exchange, head: ResponseHead): void;
  /** Changes the bodies of answers, after `respond`; not of those that our own endpoints give. */
  readonly body?: BodyHook;
}

/** An answer whose body somebody wants is held back until it is there as a whole. One that is too large for that is refused. */
export interface BodyHook {
  wants(exchange: Exchange, head: ResponseHead): boolean;
  /** What is sent in its place. */
  change(exchange: Exchange, head: ResponseHead, body: Uint8Array): Uint8Array;
}

export type AccessDecision = undefined | DirectResponse | Handover;

/** The request is for one of our own endpoints, which is served by the listener's Koa application. */
export interface Handover {
  readonly handover: 'token' | 'authorize';
  /** What the endpoint needs to know of the plugin; opaque to the proxy. */
  readonly to: unknown;
}

/** One request and what became known of it. Made anew for each; the hooks write into it. */
export interface Exchange {
  readonly request: ProxiedRequest;
  readonly requestId: string;
  /** The client's address, by X-Forwarded-For where the peer is trusted. */
  readonly clientAddress: string;
  /** The matched route's and service's ids; a route may have no service. */
  readonly routeId: string;
  readonly serviceId: string | undefined;
  /** The path after normalisation, still percent-encoded, without query. */
  readonly path: string;
  /** What the groups of the route's regex took of the path; `undefined` when there are none. */
  readonly captures: (() => PathCaptures) | undefined;
  /** Who calls, once a plugin that authenticates has found out. Set by `identify`. */
  identity: Identity | undefined;
  /** Why the gate itself refused, for log and metrics: a code of the table of refusals. */
  refusal: RefusalCode | undefined;
  /** The `client_id` that a request to one of our endpoints named. */
  clientId: string | undefined;
}

export interface Identity {
  readonly consumer: Consumer | undefined;
  /** Set when nobody could be authenticated and the plugin names a consumer for that. */
  readonly anonymous: boolean;
  /** The id of the credential's record and what it is known by outside (a `client_id`, a user name). */
  readonly credential: { readonly id: string; readonly identifier: string | undefined } | undefined;
}

export interface ResponseHead {
  readonly status: number;
  header(name: string): string | undefined;
  setHeader(name: string, value: string): void;
  addHeader(name: string, value: string): void;
  removeHeader(name: string): void;
}

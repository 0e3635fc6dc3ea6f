/** The public names of the core, for programs and for other adapters. */
export type { AuthorizationServer } from './authorization-server.ts';
export type { Ports } from './driver/perform.ts';
export { errorResponse } from './gateway/error-response.ts';
export { identify, identifyAnonymous } from './gateway/identity.ts';
export type {
  AccessDecision,
  BodyHook,
  Exchange,
  Handover,
  Identity,
  Plugin,
  PluginConfig,
  PluginHooks,
  PluginPlace,
  PluginTools,
  ResponseHead,
} from './gateway/plugin.ts';
export type { DirectResponse, ProxiedRequest } from './gateway/proxied-request.ts';
export type { Client, ClientAuthentication, Consumer, EpochMilliseconds } from './oauth/client.ts';
export type { Audience, Issuer } from './oauth/issuer.ts';
export type { Profile } from './oauth/profile.ts';
export { type Refusal, type RefusalReason, refusals } from './oauth/refusals.ts';
export type { Scope } from './oauth/scope.ts';
export type { AuthorizationCode, Bearer, Grant, TokenPair } from './oauth/tokens.ts';
export {
  type Authentication,
  type AuthenticationSettings,
  anonymousField,
  authenticating,
  challengeOf,
  unauthorized,
} from './plugins/authentication.ts';
export { definePlugin, type PluginDeclaration } from './plugins/define-plugin.ts';
export type { Announcement, Announcements } from './ports/announcements.ts';
export {
  type AuthorizationCodes,
  type Binding,
  type CodeUse,
  decideRedemption,
  type Redemption,
  type RedemptionAttempt,
} from './ports/authorization-codes.ts';
export type { Bearers } from './ports/bearers.ts';
export type { ClientProof, Clients } from './ports/clients.ts';
export type { Clock } from './ports/clock.ts';
export type { Entity, EntityKind, EntityStore, Json } from './ports/entity-store.ts';
export type { Entropy, Successors } from './ports/entropy.ts';
export {
  afterRotation,
  decideRotation,
  type FoundRefreshToken,
  type GrantPage,
  type GrantQuery,
  type Grants,
  hintOf,
  type KeptGrant,
  type RefreshTokenUse,
  type Rotation,
  type RotationAttempt,
  recordExpiry,
} from './ports/grants.ts';
export type { MaybePromise } from './ports/maybe-promise.ts';
export { Unavailable } from './ports/unavailable.ts';
export type { EntityCheck, Field, Fields } from './schema/description.ts';
export type { SettingsOf } from './schema/settings.ts';
export type { EndpointRequest, OAuthResponse } from './wire/response.ts';

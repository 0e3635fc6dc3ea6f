/** `import … from 'portcullis'`: the core, composed. Loads no framework and no native module. */
export * from '../../src/index.ts';
export type { CallContext, NodeRequest, ParametersGiven, PresentedRequest } from './calls.ts';
export { type Consent, createGate, type Gate, type GateOptions } from './create-gate.ts';
export type { GrantType, IssuerOptions } from './issuer-options.ts';
export type { ListedClient } from './listed-clients.ts';
export { memoryStore, type Store } from './memory-store.ts';
export { InvalidOption, type Requirement } from './options.ts';
export type {
  Admitted,
  AuthorizationRefused,
  Authorized,
  AuthorizeOutcome,
  CheckOutcome,
  Denied,
  ExchangeOutcome,
  Issued,
  Refused,
  RevokeOutcome,
} from './outcomes.ts';

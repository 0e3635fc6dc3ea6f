/** The plugins of this gate, in the order in which they run. A new plugin is a file and a line here. */
import type { Plugin } from '../gateway/plugin.ts';
import { acl } from './acl.ts';
import { anyOf } from './any-of.ts';
import { basicAuth } from './basic-auth.ts';
import { correlationId } from './correlation-id.ts';
import { cors } from './cors.ts';
import { hmacAuth } from './hmac-auth.ts';
import { ipRestriction } from './ip-restriction.ts';
import { jwt } from './jwt.ts';
import { keyAuth } from './key-auth.ts';
import { oauth2 } from './oauth2.ts';
import { rateLimiting } from './rate-limiting.ts';
import { requestTermination } from './request-termination.ts';
import { requestTransformer } from './request-transformer.ts';
import { responseTransformer } from './response-transformer.ts';

export const plugins: readonly Plugin[] = [
  correlationId,
  cors,
  jwt,
  anyOf([jwt, oauth2, keyAuth, basicAuth, hmacAuth]),
  oauth2,
  keyAuth,
  basicAuth,
  hmacAuth,
  ipRestriction,
  acl,
  rateLimiting,
  requestTransformer,
  responseTransformer,
  requestTermination,
];

/**
 * `import … from 'portcullis/grpc'`: a server interceptor for @grpc/grpc-js. It checks the metadata of a call before the
 * handler runs, for unary calls and streams alike.
 */
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { refusals } from '../../src/oauth/refusals.ts';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { admittedBearers } from '../library/admitted-bearers.ts';
import type { Gate } from '../library/create-gate.ts';
import { warn } from '../library/incoming.ts';
import { functionOption, gateArgument, InvalidOption, knownOptions, type Requirement } from '../library/options.ts';
import type { Denied } from '../library/outcomes.ts';
import { currentStream, watchRepeatedFields } from './repeated-fields.ts';

export type { Requirement } from '../library/options.ts';

export interface BearerInterceptorOptions extends Omit<Requirement, 'scopes'> {
  /**
   * The scope tokens that a call needs, all of them: the same for every method, or a function of the path of the method
   * (`/orders.Orders/List`). None by default.
   */
  readonly scopes?: readonly string[] | ((path: string) => readonly string[]) | undefined;
  /** Paths of methods that need no token, such as `/grpc.health.v1.Health/Check`. None by default. */
  readonly except?: readonly string[] | undefined;
  /** Receives the error if the store cannot be reached; the client gets UNAVAILABLE. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * For `new Server({ interceptors: [bearerInterceptor(gate, { scopes: ['read'] })] })`. The handler gets the bearer of the
 * token with `bearerOf(call)`. A denied call ends with UNAUTHENTICATED, or PERMISSION_DENIED if the token lacks scope, with
 * a message for people and the challenge (RFC 6750 §3) as metadata `www-authenticate`.
 *
 * The token is read from the metadata `authorization` only. A call that sends that field twice is denied. Make the
 * interceptor before the server listens: only then it can see that.
 */
export function bearerInterceptor(gate: Gate, options: BearerInterceptorOptions = {}): ServerInterceptor {
  knownOptions('bearerInterceptor', options, ['scopes', 'audience', 'except', 'onError']);
  const { scopes = [], except = [] } = options;
  const onError = functionOption('onError', options.onError, warn);
  const read = gateArgument('bearerInterceptor', gate).requirement;
  const { audience, scopes: always = [] } = read({
    audience: options.audience,
    ...(typeof scopes === 'function' ? {} : { scopes }),
  });
  const scopesOf = typeof scopes === 'function' ? scopes : () => always;
  const open = pathsOption(except);
  watchRepeatedFields();

  return (method, call) => {
    if (open.has(method.path)) return new ServerInterceptingCall(call);
    const isRepeated = currentStream.authorizations > 1;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          async onReceiveMetadata(metadata, pass) {
            try {
              const outcome = await gate.checkRequest(
                { authorization: credentialsIn(metadata, isRepeated) },
                {
                  scopes: scopesOf(method.path),
                  audience,
                },
              );
              if (outcome.state === 'denied') return call.sendStatus(refusal(outcome));
              bearers.set(metadata, outcome.bearer);
            } catch (error) {
              onError(error);
              return call.sendStatus({
                code: status.UNAVAILABLE,
                details: refusals.temporarily_unavailable.rfc9700.description,
              });
            }
            pass(metadata);
          },
        }),
    });
  };
}

const bearers = admittedBearers<Metadata>('no bearer: this call did not pass bearerInterceptor');

/**
 * The bearer of the access token of this call. Throws if the call did not pass `bearerInterceptor`, which is a bug of the
 * server: the interceptor is missing, the method is listed in `except`, or a later interceptor replaced the metadata.
 */
export function bearerOf(call: { readonly metadata: Metadata }): Bearer {
  return bearers.get(call?.metadata);
}

/** Every token that the metadata presents. A binary field is not a token, and next to a text field it counts as a second one. */
function credentialsIn(metadata: Metadata, isRepeated: boolean): readonly string[] {
  const texts = metadata.get('authorization').map(String);
  const isSingle = texts.length === 0 || (metadata.get('authorization-bin').length === 0 && !isRepeated);
  return isSingle ? texts : [...texts, 'a second authorization'];
}

function refusal({ status: httpStatus, description, challenge }: Denied): {
  code: status;
  details: string;
  metadata: Metadata;
} {
  const metadata = new Metadata();
  metadata.set('www-authenticate', challenge);
  return {
    code: httpStatus === 403 ? status.PERMISSION_DENIED : status.UNAUTHENTICATED,
    details: description,
    metadata,
  };
}

function pathsOption(paths: unknown): ReadonlySet<string> {
  if (!Array.isArray(paths) || paths.some((path) => typeof path !== 'string' || !/^\/[^/\s]+\/[^/\s]+$/.test(path))) {
    throw new InvalidOption('except', "must be a list of method paths like '/grpc.health.v1.Health/Check'");
  }
  return new Set(paths);
}

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
import { InvalidOption, knownOptions, type Requirement, readRequirement, scopesOption } from '../library/options.ts';
import type { Denied } from '../library/outcomes.ts';

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
 * The token is read from the metadata `authorization` only. If a client sends that field twice, Node's HTTP/2 keeps the
 * first, for this check and for the handler.
 */
export function bearerInterceptor(gate: Gate, options: BearerInterceptorOptions = {}): ServerInterceptor {
  knownOptions('bearerInterceptor', options, ['scopes', 'audience', 'except', 'onError']);
  const { scopes = [], except = [], onError = warn } = options;
  const { audience } = readRequirement({ audience: options.audience });
  const scopesOf = typeof scopes === 'function' ? scopes : always(scopesOption('scopes', scopes));
  const open = pathsOption(except);

  return (method, call) => {
    if (open.has(method.path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          async onReceiveMetadata(metadata, pass) {
            try {
              const outcome = await gate.checkRequest(
                { authorization: credentialsIn(metadata) },
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
  return bearers.get(call.metadata);
}

/** Every token that the metadata presents. A binary field is not a token, and next to a text field it counts as a second one. */
function credentialsIn(metadata: Metadata): readonly string[] {
  const texts = metadata.get('authorization').map(String);
  const isSingle = texts.length === 0 || metadata.get('authorization-bin').length === 0;
  return isSingle ? texts : [...texts, 'authorization-bin'];
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

function always(scopes: readonly string[]): () => readonly string[] {
  return () => scopes;
}

function pathsOption(paths: unknown): ReadonlySet<string> {
  if (!Array.isArray(paths) || paths.some((path) => typeof path !== 'string' || !/^\/[^/\s]+\/[^/\s]+$/.test(path))) {
    throw new InvalidOption('except', "must be a list of method paths like '/grpc.health.v1.Health/Check'");
  }
  return new Set(paths);
}

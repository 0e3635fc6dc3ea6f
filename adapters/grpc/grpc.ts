/**
 * `import … from 'portcullis/grpc'`: a server interceptor for @grpc/grpc-js. The metadata of a call is checked before its
 * handler hears of the call, for unary calls and streams alike.
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
   * The scope tokens that a call needs, all of them: for every method the same, or told for each method by its path
   * (`/orders.Orders/List`). None by default.
   */
  readonly scopes?: readonly string[] | ((path: string) => readonly string[]) | undefined;
  /** Paths of methods that need no token, as `/grpc.health.v1.Health/Check`. None by default. */
  readonly except?: readonly string[] | undefined;
  /** Hears why the store could not be asked; the caller is told UNAVAILABLE. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * For `new Server({ interceptors: [bearerInterceptor(gate, { scopes: ['read'] })] })`. The handler finds whom the token
 * stands for with `bearerOf(call)`. A refusal is UNAUTHENTICATED, or PERMISSION_DENIED where the scope is too small, with
 * a message for people and the challenge of RFC 6750 §3 as `www-authenticate`.
 *
 * A token is taken from the metadata `authorization` only. Of two such fields on one connection Node's HTTP/2 keeps the
 * first, for this check and for everything after it.
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

/** Every way in which the metadata presents a token. A binary field is none, and spoils the text beside it. */
function credentialsIn(metadata: Metadata): readonly string[] {
  const texts = metadata.get('authorization').map(String);
  const isAlone = texts.length === 0 || metadata.get('authorization-bin').length === 0;
  return isAlone ? texts : [...texts, 'authorization-bin'];
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
    throw new InvalidOption('except', "must be a list of paths of methods like '/grpc.health.v1.Health/Check'");
  }
  return new Set(paths);
}

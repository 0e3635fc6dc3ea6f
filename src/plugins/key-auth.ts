/** Kong's `key-auth`: authenticates callers by an API key in a header, the query or the body. */

import { queryOf, readForm, valuesIn, withQuery } from '../content/form.ts';
import type { Exchange } from '../gateway/plugin.ts';
import { profiles } from '../oauth/profile.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { textOf } from '../routing/path.ts';
import type { Fields } from '../schema/description.ts';
import { headerName } from '../schema/fields.ts';
import type { SettingsOf } from '../schema/settings.ts';
import { readParameters } from '../wire/parameters.ts';
import * as auth from './authentication.ts';
import { bodyFields } from './body.ts';
import { definePlugin } from './define-plugin.ts';
import { formNamed } from './named.ts';

/** A body that may hold a key is read up to this size. Larger bodies are not read, and a key in them is not found. */
const largestBody = 1_048_576;

const settings = {
  key_names: {
    type: 'array',
    required: true,
    elements: headerName,
    default: ['apikey'],
    description: 'Names of the header, query parameter or body field that holds the key.',
  },
  hide_credentials: auth.hideCredentialsField,
  anonymous: auth.anonymousField,
  key_in_header: { type: 'boolean', required: true, default: true, description: 'Reads keys in headers.' },
  key_in_query: { type: 'boolean', required: true, default: true, description: 'Reads keys in the query.' },
  key_in_body: { type: 'boolean', required: true, default: false, description: 'Reads keys in the body.' },
  run_on_preflight: auth.runOnPreflightField,
  realm: auth.realmField,
} as const satisfies Fields;
type Settings = SettingsOf<typeof settings>;

export const keyAuth = definePlugin({
  name: 'key-auth',
  priority: 1250,
  authenticates: true,
  settings,
  compile(settings, _place, tools) {
    const challenge = auth.challengeOf('Key', settings.realm);
    return auth.authenticating(settings, tools, (exchange) =>
      whenThere(keyOf(settings, exchange), (found): MaybePromise<auth.Authentication> => {
        if (found.key === undefined || found.key === '') {
          return auth.unauthorized(exchange, challenge, 'credential_missing', 'No API key found in request');
        }
        if (found.key === 'several') {
          return auth.unauthorized(exchange, challenge, 'credential_repeated', 'Duplicate API key found');
        }
        if (settings.hide_credentials) hide(exchange, found);
        const invalid = () => auth.unauthorized(exchange, challenge, 'credential_invalid');
        return whenThere(tools.records.findBy('keyauth_credentials', 'key', found.key.text), (row) =>
          row === undefined || keyExpiresAt(row) <= tools.now()
            ? invalid()
            : auth.callerOf(row, row.id, invalid, tools),
        );
      }),
    );
  },
});

interface Found {
  readonly key: { readonly text: string } | 'several' | '' | undefined;
  readonly name?: string;
  readonly body?: Uint8Array | undefined;
}

/** Looks for each name in turn: header, query, body (Kong's order). */
function keyOf(settings: Settings, exchange: Exchange): MaybePromise<Found> {
  const { request } = exchange;
  const query = queryOf(request.target);
  const inHead = (name: string): Found | undefined => {
    const header = settings.key_in_header ? request.headerValues(name.toLowerCase()) : [];
    const values =
      header.length > 0
        ? header.map((value) => textOf(value) ?? value)
        : settings.key_in_query
          ? valuesIn(query, name)
          : [];
    return values.length === 0 ? undefined : { key: oneOf(values), name };
  };
  if (!settings.key_in_body) {
    return firstOf(settings.key_names, inHead) ?? { key: undefined };
  }
  return whenThere(request.readBody(largestBody), (body) => {
    const inBody = body === undefined ? new Map<string, unknown>() : parametersOf(request.header('content-type'), body);
    const find = (name: string): Found | undefined => {
      const found = inHead(name);
      if (found !== undefined) return found;
      const value = inBody.get(name);
      if (Array.isArray(value)) return { key: 'several' };
      return typeof value === 'string' ? { key: oneOf([value]), name } : undefined;
    };
    return { ...(firstOf(settings.key_names, find) ?? { key: undefined }), body };
  });
}

function firstOf<T>(names: readonly string[], find: (name: string) => T | undefined): T | undefined {
  for (const name of names) {
    const found = find(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function oneOf(values: readonly string[]): Found['key'] {
  if (values.length > 1) return 'several';
  return values[0] === '' ? '' : { text: values[0]! };
}

function parametersOf(contentType: string | undefined, body: Uint8Array): ReadonlyMap<string, unknown> {
  const read = readParameters(profiles.kong, new Set(), { query: '', contentType, body });
  return 'parameters' in read ? read.parameters : new Map();
}

function hide({ request }: Exchange, { name, body }: Found): void {
  if (name === undefined) return;
  request.removeHeader(name);
  const query = formNamed(readForm(queryOf(request.upstreamTarget)));
  if (query.has(name)) {
    query.remove(name);
    request.replaceTarget(withQuery(request.upstreamTarget, query.print()));
  }
  const fields = body === undefined ? undefined : bodyFields(request.header('content-type'), body, 'all bodies');
  if (fields?.has(name)) {
    fields.remove(name);
    request.replaceBody(fields.print());
  }
}

/** When a key with a `ttl` expires. The TTL of a key from a configuration file counts from `created_at`. */
function keyExpiresAt({ expires_at: expiresAt, created_at: createdAt, ttl }: Entity): number {
  if (typeof expiresAt === 'number') return expiresAt;
  return typeof ttl === 'number' && ttl > 0 && typeof createdAt === 'number'
    ? (createdAt + ttl) * 1000
    : Number.POSITIVE_INFINITY;
}

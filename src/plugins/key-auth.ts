/** Kong's `key-auth`: who calls is known by an API key in a header, the query or the body. */

import { queryOf, readForm, valuesIn, withQuery } from '../content/form.ts';
import type { Exchange, Plugin, PluginTools } from '../gateway/plugin.ts';
import { profiles } from '../oauth/profile.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { textOf } from '../routing/path.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import { readParameters } from '../wire/parameters.ts';
import {
  type Authentication,
  type AuthenticationSettings,
  anonymousField,
  authenticating,
  callerOf,
  challengeOf,
  hideCredentialsField,
  realmField,
  runOnPreflightField,
  unauthorized,
} from './authentication.ts';
import { bodyFields } from './body.ts';
import { headerName } from './header-names.ts';
import { formNamed } from './named.ts';

interface Settings extends AuthenticationSettings {
  readonly key_names: readonly string[];
  readonly hide_credentials: boolean;
  readonly key_in_header: boolean;
  readonly key_in_query: boolean;
  readonly key_in_body: boolean;
  readonly realm: string | null;
}

/** A body that may hold a key is read up to this. Larger ones are left unread, and their key unseen. */
const largestBody = 1_048_576;

export const keyAuth: Plugin = {
  name: 'key-auth',
  priority: 1250,
  authenticates: true,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        key_names: {
          type: 'array',
          required: true,
          elements: headerName,
          default: ['apikey'],
          description: 'Under which names a key is looked for.',
        },
        hide_credentials: hideCredentialsField,
        anonymous: anonymousField,
        key_in_header: { type: 'boolean', required: true, default: true, description: 'Looks into the headers.' },
        key_in_query: { type: 'boolean', required: true, default: true, description: 'Looks into the query.' },
        key_in_body: { type: 'boolean', required: true, default: false, description: 'Looks into the body.' },
        run_on_preflight: runOnPreflightField,
        realm: realmField,
      },
    },
  },
  compile(config, _place, tools) {
    const settings = config as unknown as Settings;
    const challenge = challengeOf('Key', settings.realm);
    return authenticating(settings, tools, (exchange) =>
      whenThere(keyOf(settings, exchange), (found) => {
        if (found.key === undefined || found.key === '') {
          return unauthorized(exchange, challenge, 'credential_missing', 'No API key found in request');
        }
        if (found.key === 'several') {
          return unauthorized(exchange, challenge, 'credential_repeated', 'Duplicate API key found');
        }
        if (settings.hide_credentials) hide(exchange, found);
        return whenThere(owner(found.key.text, tools), (caller) =>
          caller === undefined ? unauthorized(exchange, challenge, 'credential_invalid') : { caller },
        );
      }),
    );
  },
};

interface Found {
  readonly key: { readonly text: string } | 'several' | '' | undefined;
  readonly name?: string;
  readonly body?: Uint8Array | undefined;
}

/** By one name after the other, in Kong's order of places. */
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
  const fields = body === undefined ? undefined : bodyFields(request.header('content-type'), body);
  if (fields?.has(name)) {
    fields.remove(name);
    request.replaceBody(fields.print());
  }
}

function owner(
  key: string,
  tools: PluginTools,
): MaybePromise<Extract<Authentication, { refused?: undefined }>['caller'] | undefined> {
  return whenThere(tools.records.findBy('keyauth_credentials', 'key', key), (row) => {
    if (row === undefined || refreshExpiresAt(row) <= tools.now()) return undefined;
    const { id } = row['consumer'] as { readonly id: string };
    return callerOf({ id: row.id, identifier: row.id }, id, tools);
  });
}

/** A key with a `ttl` is no key when that is over. One that came in by a file counts from when it was made. */
function refreshExpiresAt({ expires_at: expiresAt, created_at: createdAt, ttl }: Entity): number {
  if (typeof expiresAt === 'number') return expiresAt;
  return typeof ttl === 'number' && ttl > 0 && typeof createdAt === 'number'
    ? (createdAt + ttl) * 1000
    : Number.POSITIVE_INFINITY;
}

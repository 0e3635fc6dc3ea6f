/** Kong's `request-transformer`: changes what goes upstream. */

import { printForm, queryOf, readForm, valuesIn, withQuery } from '../content/form.ts';
import { mediaType, urlencoded } from '../content/media-type.ts';
import { errorResponse } from '../gateway/error-response.ts';
import { standingHeader } from '../gateway/header-hygiene.ts';
import type { AccessDecision, Exchange, Plugin } from '../gateway/plugin.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { encodePath, octets, textOf } from '../routing/path.ts';
import { httpProtocols } from '../schema/fields.ts';
import { bodyFields } from './body.ts';
import { formNamed, type Named } from './named.ts';
import { checkTemplate, compileTemplate, type Template, type TemplateSources } from './template.ts';
import {
  type Changes,
  change,
  changesNothing,
  changesOf,
  group,
  headerNames,
  headerPairs,
  names,
  pairs,
} from './transformation.ts';

type Way = 'remove' | 'rename' | 'replace' | 'add' | 'append';
type Part = 'body' | 'headers' | 'querystring';
type Settings = Readonly<Record<Way, Readonly<Partial<Record<Part, readonly string[] | null>>>>> & {
  readonly http_method: string | null;
  readonly replace: { readonly uri?: string | null };
};

/** A body that is to be changed is read up to this; larger ones are refused, since they cannot be. */
const largestBody = 8 * 1_048_576;

export const requestTransformer: Plugin = {
  name: 'request-transformer',
  priority: 801,
  authenticates: false,
  fields: {
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        http_method: {
          type: 'string',
          match: { notation: '^%u+$', matches: /^[A-Z]+$/ },
          not_one_of: ['CONNECT'],
          description: 'The method of the upstream request.',
        },
        remove: group(
          {
            body: names('Fields of a form, multipart or JSON body.'),
            headers: headerNames('Headers.'),
            querystring: names('Parameters of the query.'),
          },
          'What does not go upstream.',
        ),
        rename: group(
          {
            body: pairs('Fields of the body, as `old:new`.'),
            headers: headerPairs('Headers, as `old:new`.', 'rename'),
            querystring: pairs('Parameters of the query, as `old:new`.'),
          },
          'What goes upstream by another name.',
        ),
        replace: group(
          {
            body: pairs('Fields of the body, as `name:value`.', checkTemplate),
            headers: headerPairs('Headers, as `name:value`.', 'value', checkTemplate),
            querystring: pairs('Parameters of the query, as `name:value`.', checkTemplate),
            uri: { type: 'string', check: checkUri, description: 'The path of the upstream request.' },
          },
          'What goes upstream with another value, where it is there.',
        ),
        add: group(
          {
            body: pairs('Fields of the body, as `name:value`.', checkTemplate),
            headers: headerPairs('Headers, as `name:value`.', 'value', checkTemplate),
            querystring: pairs('Parameters of the query, as `name:value`.', checkTemplate),
          },
          'What goes upstream where it is not there.',
        ),
        append: group(
          {
            body: pairs('Fields of the body, as `name:value`.', checkTemplate),
            headers: headerPairs('Headers, as `name:value`.', 'value', checkTemplate),
            querystring: pairs('Parameters of the query, as `name:value`.', checkTemplate),
          },
          'What goes upstream beside what is there.',
        ),
      },
    },
  },
  compile(config) {
    const settings = config as unknown as Settings;
    const headers = templatesOf(settings, 'headers');
    const query = templatesOf(settings, 'querystring');
    const body = templatesOf(settings, 'body');
    const uri = settings.replace.uri ? template(settings.replace.uri) : undefined;
    const method = settings.http_method ?? undefined;

    function transform(exchange: Exchange, sent: Uint8Array | undefined): AccessDecision {
      const { request } = exchange;
      const sources = sourcesOf(exchange);
      if (uri !== undefined) {
        const path = pathOf(uri, sources);
        if (path === undefined) return errorResponse(request, 400, 'Bad request');
        request.replaceTarget(withQuery(path, queryOf(request.upstreamTarget)));
      }
      if (method !== undefined) setMethod(request, method, sent);
      if (!changesNothing(headers)) change(headersOf(request), rendered(headers, sources));
      if (!changesNothing(body) && sent !== undefined) {
        const fields = bodyFields(standingHeader(request, 'content-type'), sent);
        if (fields !== undefined) {
          change(fields, rendered(body, sources));
          request.replaceBody(fields.print());
        }
      }
      if (!changesNothing(query)) {
        const parameters = formNamed(readForm(queryOf(request.upstreamTarget)));
        change(parameters, rendered(query, sources));
        request.replaceTarget(withQuery(request.upstreamTarget, parameters.print()));
      }
      return undefined;
    }

    const needsBody = !changesNothing(body) || (method !== undefined && movesBody.has(method));
    return {
      access(exchange): MaybePromise<AccessDecision> {
        if (!needsBody) return transform(exchange, undefined);
        return whenThere(exchange.request.readBody(largestBody), (sent) => {
          if (sent !== undefined) return transform(exchange, sent);
          exchange.refusal = 'body_too_large';
          return errorResponse(exchange.request, 413, 'Request body too large');
        });
      },
    };
  },
};

// Values --------------------------------------------------------------------------------------------------------------

function template(text: string): Template {
  const compiled = compileTemplate(text);
  if (typeof compiled !== 'function') throw new TypeError(compiled.refused);
  return compiled;
}

function templatesOf(settings: Settings, part: Part): Changes<Template> {
  const valued = (way: Way) =>
    changesOf(settings[way][part]).map(({ name, value }) => ({ name, value: template(value) }));
  return {
    remove: changesOf(settings.remove[part]),
    rename: changesOf(settings.rename[part]),
    replace: valued('replace'),
    add: valued('add'),
    append: valued('append'),
  };
}

function rendered(changes: Changes<Template>, sources: TemplateSources): Changes<string> {
  const all = (list: Changes<Template>['add']) => list.map(({ name, value }) => ({ name, value: value(sources) }));
  return { ...changes, replace: all(changes.replace), add: all(changes.add), append: all(changes.append) };
}

/** What the request says, as it stood when the plugin had its turn. */
function sourcesOf({ request, captures }: Exchange): TemplateSources {
  const query = queryOf(request.target);
  return {
    headers(name) {
      const value = standingHeader(request, name) ?? standingHeader(request, name.replaceAll('_', '-'));
      return value === undefined ? undefined : (textOf(value) ?? value);
    },
    query_params: (name) => valuesIn(query, name)[0],
    uri_captures(name) {
      const found = captures?.();
      return /^\d+$/.test(name) ? found?.numbered[Number(name)] : found?.named.get(name);
    },
  };
}

// The path ------------------------------------------------------------------------------------------------------------

function checkUri(uri: string): string | undefined {
  if (!uri.startsWith('/')) return 'should start with: /';
  if (/[?#]/.test(uri.replace(/\$\([^)]*\)/g, ''))) return 'must be a path, without a query';
  return checkTemplate(uri);
}

/** What a client says may fill a place of the path, but not lead out of it. `undefined`: it would. */
function pathOf(uri: Template, sources: TemplateSources): string | undefined {
  let leadsOut = false;
  const path = uri(sources, (value, source) => {
    // A capture is a piece of the path, and may have several segments.
    const segments = source === 'uri_captures' ? value.split('/') : [value];
    if (segments.some((segment) => segment === '.' || segment === '..')) leadsOut = true;
    return segments.map(encodeURIComponent).join('/');
  });
  return leadsOut ? undefined : encodePath(octets(path));
}

// The method ----------------------------------------------------------------------------------------------------------

/** With these Kong puts the fields of a form into the query. */
const movesBody = new Set(['GET', 'HEAD', 'TRACE']);

function setMethod(request: ProxiedRequest, method: string, body: Uint8Array | undefined): void {
  request.upstreamMethod = method;
  const isForm = mediaType(request.header('content-type')) === urlencoded;
  if (!movesBody.has(method) || !isForm || body === undefined || body.length === 0) return;
  const moved = readForm(Buffer.from(body).toString('latin1')).filter(({ text }) => isPrintable.test(text));
  const names = new Set(moved.map(({ name }) => name));
  const kept = readForm(queryOf(request.upstreamTarget)).filter(({ name }) => !names.has(name));
  request.replaceTarget(withQuery(request.upstreamTarget, printForm([...kept, ...moved])));
}

const isPrintable = /^[\x21-\x7e]*$/;

// What has names ------------------------------------------------------------------------------------------------------

function headersOf(request: ProxiedRequest): Named<string> {
  const get = (name: string): string | undefined => {
    const value = standingHeader(request, name);
    return value === undefined ? undefined : (textOf(value) ?? value);
  };
  const isHost = (name: string): boolean => name.toLowerCase() === 'host';
  return {
    // An upstream has a host, always. It can be replaced, and nothing else.
    has: (name) => isHost(name) || get(name) !== undefined,
    remove(name) {
      if (!isHost(name)) request.removeHeader(name);
    },
    rename(from, to) {
      const value = get(from)!;
      if (isHost(from) || isHost(to)) return;
      request.removeHeader(from);
      request.setHeader(to, value);
    },
    set: (name, value) => request.setHeader(name, value),
    append(name, value) {
      const before = get(name);
      if (!isHost(name)) request.setHeader(name, before === undefined ? value : `${before}, ${value}`);
    },
  };
}

/** Kong's `request-transformer`: changes the request that goes upstream. */
import { printForm, queryOf, readForm, valuesIn, withQuery } from '../content/form.ts';
import { mediaType, urlencoded } from '../content/media-type.ts';
import { errorResponse } from '../gateway/error-response.ts';
import { standingHeader } from '../gateway/header-hygiene.ts';
import type { AccessDecision, Exchange } from '../gateway/plugin.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { encodePath, octets, textOf } from '../routing/path.ts';
import { bodyFields } from './body.ts';
import { definePlugin } from './define-plugin.ts';
import { formNamed, type Named } from './named.ts';
import { refuseBody } from './responses.ts';
import { checkTemplate, compileTemplate, type Template, type TemplateSources } from './template.ts';
import {
  type Changes,
  change,
  changesIn,
  changesNothing,
  group,
  headerNames,
  headerPairs,
  names,
  pairs,
} from './transformation.ts';

/** A body that is to be changed is read up to this size; larger bodies are refused, since they cannot be changed. */
const largestBody = 8 * 1_048_576;

/** Kinds of values that may contain templates. */
const valued = {
  body: pairs('Fields of the body, as `name:value`.', checkTemplate),
  headers: headerPairs('Headers, as `name:value`.', 'value', checkTemplate),
  querystring: pairs('Parameters of the query, as `name:value`.', checkTemplate),
};

export const requestTransformer = definePlugin({
  name: 'request-transformer',
  priority: 801,
  authenticates: false,
  settings: {
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
      'Removed from the request.',
    ),
    rename: group(
      {
        body: pairs('Fields of the body, as `old:new`.'),
        headers: headerPairs('Headers, as `old:new`.', 'rename'),
        querystring: pairs('Parameters of the query, as `old:new`.'),
      },
      'Renamed, if present.',
    ),
    replace: group(
      {
        ...valued,
        uri: { type: 'string', check: checkUri, description: 'The path of the upstream request.' },
      },
      'Replaced by another value, if present.',
    ),
    add: group(
      {
        ...valued,
      },
      'Added, if not present.',
    ),
    append: group(
      {
        ...valued,
      },
      'Added, also if already present.',
    ),
  },
  compile(settings) {
    const headers = changesIn('headers', settings, template);
    const query = changesIn('querystring', settings, template);
    const body = changesIn('body', settings, template);
    const uri = settings.replace.uri ? template(settings.replace.uri) : undefined;
    const method = settings.http_method ?? undefined;

    function transform(exchange: Exchange, sent: Uint8Array | undefined): AccessDecision {
      const { request } = exchange;
      const sources = sourcesOf(exchange);
      // Kong's templates read the request as it was before this plugin changed it.
      const changes = {
        headers: rendered(headers, sources),
        body: rendered(body, sources),
        query: rendered(query, sources),
      };
      if (uri !== undefined) {
        const path = pathOf(uri, sources);
        if (path === undefined) return errorResponse(request, 400, 'Bad request');
        request.replaceTarget(withQuery(path, queryOf(request.upstreamTarget)));
      }
      if (method !== undefined) setMethod(request, method, sent);
      if (!changesNothing(headers)) change(headersOf(request), changes.headers);
      if (sent !== undefined && (sent.length > 0 ? !changesNothing(body) : addsTo(body))) {
        const fields = bodyFields(standingHeader(request, 'content-type'), sent);
        if (fields !== undefined) {
          change(fields, changes.body);
          request.replaceBody(fields.print());
        }
      }
      if (!changesNothing(query)) {
        const parameters = formNamed(readForm(queryOf(request.upstreamTarget)));
        change(parameters, changes.query);
        request.replaceTarget(withQuery(request.upstreamTarget, parameters.print()));
      }
      return undefined;
    }

    const needsBody = !changesNothing(body) || (method !== undefined && movesBody.has(method));
    return {
      access(exchange): MaybePromise<AccessDecision> {
        if (!needsBody) return transform(exchange, undefined);
        return whenThere(exchange.request.readBody(largestBody), (sent) => {
          return sent === undefined ? refuseBody(exchange) : transform(exchange, sent);
        });
      },
    };
  },
});

// Values --------------------------------------------------------------------------------------------------------------

function template(text: string): Template {
  const compiled = compileTemplate(text);
  if (typeof compiled !== 'function') throw new TypeError(compiled.refused);
  return compiled;
}

/** Whether a body without fields would get some. */
function addsTo({ add, append }: Changes<Template>): boolean {
  return add.length > 0 || append.length > 0;
}

function rendered(changes: Changes<Template>, sources: TemplateSources): Changes<string> {
  const all = (list: Changes<Template>['add']) => list.map(({ name, value }) => ({ name, value: value(sources) }));
  return { ...changes, replace: all(changes.replace), add: all(changes.add), append: all(changes.append) };
}

/** The values of the request, as they are when the plugin runs. */
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

/** Values of a client may fill a segment of the path, but not leave it. `undefined`: a value would leave it. */
function pathOf(uri: Template, sources: TemplateSources): string | undefined {
  let leadsOut = false;
  const path = uri(sources, (value, source) => {
    // A capture is part of the path: it may have several segments, and its delimiters are encoded already.
    const segments = source === 'uri_captures' ? value.split('/') : [value];
    if (segments.some((segment) => segment === '.' || segment === '..')) leadsOut = true;
    return source === 'uri_captures' ? value.replace(/[?#]/g, encodeURIComponent) : encodeURIComponent(value);
  });
  return leadsOut ? undefined : encodePath(octets(path));
}

// The method ----------------------------------------------------------------------------------------------------------

/** With these methods Kong moves the fields of a form into the query. */
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

// Headers -------------------------------------------------------------------------------------------------------------

function headersOf(request: ProxiedRequest): Named<string> {
  const get = (name: string): string | undefined => {
    const value = standingHeader(request, name);
    return value === undefined ? undefined : (textOf(value) ?? value);
  };
  const isHost = (name: string): boolean => name.toLowerCase() === 'host';
  return {
    // A request always has a host. It can be replaced, but not removed or renamed.
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

/** Kong's `request-termination`: answers in the place of the upstream. */

import { queryOf, readForm, valuesIn } from '../content/form.ts';
import type { Exchange, Plugin } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import { textOf } from '../routing/path.ts';
import type { JsonObject } from '../schema/description.ts';
import { httpProtocols } from '../schema/fields.ts';
import { isSet } from '../schema/json.ts';

interface Settings {
  readonly status_code: number;
  readonly message: string | null;
  readonly content_type: string | null;
  readonly body: string | null;
  readonly echo: boolean;
  readonly trigger: string | null;
}

export const requestTermination: Plugin = {
  name: 'request-termination',
  priority: 2,
  authenticates: false,
  fields: {
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        status_code: {
          type: 'integer',
          required: true,
          default: 503,
          between: [100, 599],
          check: (status) => (status < 200 ? 'a status below 200 does not end a request' : undefined),
          description: 'The status of the answer.',
        },
        message: { type: 'string', description: 'What the answer says, as JSON.' },
        content_type: { type: 'string', description: 'The type of `body`.' },
        body: { type: 'string', description: 'The body of the answer, as it stands.' },
        echo: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Answers with what the gate saw of the request, for debugging.',
        },
        trigger: {
          type: 'string',
          description: 'Only requests that have a header or a parameter of this name are answered.',
        },
      },
      check: oneAnswer,
    },
  },
  compile(config) {
    const settings = config as unknown as Settings;
    const answer = answerOf(settings);
    return {
      access(exchange) {
        if (settings.trigger !== null && !isTriggered(settings.trigger, exchange)) return undefined;
        exchange.refusal = 'terminated';
        return settings.echo ? echo(settings, exchange) : answer;
      },
    };
  },
};

function oneAnswer({ message, content_type, body, echo }: JsonObject): string | undefined {
  if (isSet(message) && (isSet(content_type) || isSet(body))) {
    return 'message cannot be used with content_type or body';
  }
  if (isSet(content_type) && !isSet(body)) return 'content_type requires a body';
  return echo === true && isSet(body) ? 'echo cannot be used with content_type and body' : undefined;
}

const messages = new Map([
  [401, 'Unauthorized'],
  [404, 'Not found'],
  [405, 'Method not allowed'],
  [500, 'An unexpected error occurred'],
  [502, 'Bad Gateway'],
  [503, 'Service unavailable'],
]);

function answerOf({ status_code: status, message, content_type: type, body }: Settings): DirectResponse {
  if (body !== null) return { status, headers: [['Content-Type', type ?? 'application/json; charset=utf-8']], body };
  const text = message ?? messages.get(status);
  return text === undefined ? { status, headers: [], body: '' } : json(status, { message: text });
}

function isTriggered(trigger: string, { request }: Exchange): boolean {
  return (
    request.header(trigger.toLowerCase()) !== undefined ||
    readForm(queryOf(request.target)).some(({ name }) => name === trigger)
  );
}

/** What a caller says is shown to nobody else; what it might not know of itself is left out. */
function echo({ status_code: status, message }: Settings, exchange: Exchange): DirectResponse {
  const { request, routeId, serviceId } = exchange;
  const headers = new Map<string, string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase();
    headers.set(name, textOf(request.header(name) ?? '') ?? '');
  }
  const query = queryOf(request.target);
  const parameters = new Map<string, readonly string[]>();
  for (const { name } of readForm(query)) parameters.set(name, valuesIn(query, name));
  return json(status, {
    message: message ?? messages.get(status) ?? null,
    request: {
      method: request.method,
      scheme: request.scheme,
      host: request.header('host') ?? null,
      port: request.localPort,
      path: exchange.path,
      headers: Object.fromEntries(headers),
      query: Object.fromEntries(parameters),
    },
    matched_route: { id: routeId },
    matched_service: serviceId === undefined ? null : { id: serviceId },
  });
}

function json(status: number, body: unknown): DirectResponse {
  return { status, headers: [['Content-Type', 'application/json; charset=utf-8']], body: JSON.stringify(body) };
}

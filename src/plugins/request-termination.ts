/** Kong's `request-termination`: responds instead of the upstream. */
import { queryOf, readForm, valuesIn } from '../content/form.ts';
import type { Exchange } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import type { Entity } from '../ports/entity-store.ts';
import { textOf } from '../routing/path.ts';
import type { Fields, JsonObject } from '../schema/description.ts';
import { isSet } from '../schema/json.ts';
import type { SettingsOf } from '../schema/settings.ts';
import { definePlugin } from './define-plugin.ts';
import { jsonResponse } from './responses.ts';

const settings = {
  status_code: {
    type: 'integer',
    required: true,
    default: 503,
    between: [100, 599],
    check: (status) => (status < 200 ? 'a status below 200 does not end a request' : undefined),
    description: 'The status of the response.',
  },
  message: { type: 'string', description: 'The message of the response, which is sent as JSON.' },
  content_type: { type: 'string', description: 'The type of `body`.' },
  body: { type: 'string', description: 'The body of the response.' },
  echo: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Responds with the request as the gate received it, for debugging.',
  },
  trigger: {
    type: 'string',
    description: 'Limits the plugin to requests with a header or query parameter of this name.',
  },
} as const satisfies Fields;
type Settings = SettingsOf<typeof settings>;

export const requestTermination = definePlugin({
  name: 'request-termination',
  priority: 2,
  authenticates: false,
  settings,
  settingsRules: { check: checkCombination },
  compile(settings) {
    const response = responseOf(settings);
    return {
      access(exchange) {
        if (settings.trigger !== null && !isTriggered(settings.trigger, exchange)) return undefined;
        exchange.refusal = 'terminated';
        return settings.echo ? echo(settings, exchange) : response;
      },
    };
  },
});

function checkCombination({ message, content_type, body, echo }: JsonObject): string | undefined {
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

function responseOf({ status_code: status, message, content_type: type, body }: Settings): DirectResponse {
  if (body !== null) return { status, headers: [['Content-Type', type ?? 'application/json; charset=utf-8']], body };
  const text = message ?? messages.get(status);
  return text === undefined ? { status, headers: [], body: '' } : jsonResponse(status, { message: text });
}

function isTriggered(trigger: string, { request }: Exchange): boolean {
  return (
    request.header(trigger.toLowerCase()) !== undefined ||
    readForm(queryOf(request.target)).some(({ name }) => name === trigger)
  );
}

/** Shows a caller its own request, its route and its service. Leaves out what the gate adds to it. */
function echo({ status_code: status, message }: Settings, exchange: Exchange): DirectResponse {
  const { request, rows } = exchange;
  const headers = new Map<string, string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase();
    headers.set(name, textOf(request.header(name) ?? '') ?? '');
  }
  const query = queryOf(request.target);
  const parameters = new Map<string, readonly string[]>();
  for (const { name } of readForm(query)) parameters.set(name, valuesIn(query, name));
  return jsonResponse(status, {
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
    matched_route: shown(rows?.route),
    matched_service: shown(rows?.service),
  });
}

/** Kong prints no fields that are not set. */
function shown(row: Entity | undefined): JsonObject | null {
  if (row === undefined) return null;
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as JsonObject;
}

/** Kong's `correlation-id`: adds an id to requests that have none in a configured header. */
import type { Exchange, PluginTools } from '../gateway/plugin.ts';
import { textOf } from '../routing/path.ts';
import { definePlugin } from './define-plugin.ts';
import { checkSettable } from './header-names.ts';

export const correlationId = definePlugin({
  name: 'correlation-id',
  priority: 100001,
  authenticates: false,
  settings: {
    header_name: {
      type: 'string',
      default: 'Kong-Request-ID',
      check: checkSettable,
      description: 'The header that holds the id.',
    },
    generator: {
      type: 'string',
      default: 'uuid#counter',
      required: true,
      one_of: ['uuid', 'uuid#counter', 'tracker'],
      description:
        'uuid: a new UUID for each request. uuid#counter: one UUID, and a number. tracker: address, port, number and time.',
    },
    echo_downstream: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Adds the id to the response, too.',
    },
  },
  compile({ header_name, generator, echo_downstream }, _place, tools) {
    const make = generators[generator](tools);
    const ids = new WeakMap<Exchange, string>();
    return {
      access(exchange) {
        const { request } = exchange;
        const sent = request.headerValues(header_name.toLowerCase())[0];
        const id = sent === undefined || sent === '' ? make(exchange) : (textOf(sent) ?? sent);
        if (id !== sent) request.setHeader(header_name, id);
        if (echo_downstream) ids.set(exchange, id);
        return undefined;
      },
      ...(echo_downstream && {
        respond(exchange, head) {
          const id = ids.get(exchange);
          if (id !== undefined) head.setHeader(header_name, id);
        },
      }),
    };
  },
});

const generators = {
  uuid:
    ({ entropy }: PluginTools) =>
    () =>
      entropy.uuid(),
  'uuid#counter': ({ entropy }: PluginTools) => {
    const uuid = entropy.uuid();
    let counter = 0;
    return () => `${uuid}#${++counter}`;
  },
  tracker: ({ entropy, now }: PluginTools) => {
    const instance = entropy.uuid().slice(0, 8);
    let counter = 0;
    return ({ clientAddress, request }: Exchange) =>
      `${clientAddress}-${request.localPort}-${instance}-${++counter}-${(now() / 1000).toFixed(3)}`;
  },
};

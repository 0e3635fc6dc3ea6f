/** Kong's `correlation-id`: a request that has no id in a certain header is given one. */

import type { Exchange, Plugin, PluginTools } from '../gateway/plugin.ts';
import { textOf } from '../routing/path.ts';
import { httpProtocols } from '../schema/fields.ts';
import { checkSettable } from './header-names.ts';

interface Settings {
  readonly header_name: string;
  readonly generator: 'uuid' | 'uuid#counter' | 'tracker';
  readonly echo_downstream: boolean;
}

export const correlationId: Plugin = {
  name: 'correlation-id',
  priority: 100001,
  authenticates: false,
  fields: {
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
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
            'uuid: a new one for each request. uuid#counter: one UUID, and a number. tracker: address, port, number and time.',
        },
        echo_downstream: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Tells the id to the client, too.',
        },
      },
    },
  },
  compile(config, _place, tools) {
    const { header_name, generator, echo_downstream } = config as unknown as Settings;
    const make = generators[generator](tools);
    const ids = new WeakMap<Exchange, string>();
    return {
      access(exchange) {
        const { request } = exchange;
        const given = request.headerValues(header_name.toLowerCase())[0];
        const id = given === undefined || given === '' ? make(exchange) : (textOf(given) ?? given);
        if (id !== given) request.setHeader(header_name, id);
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
};

const generators: Record<Settings['generator'], (tools: PluginTools) => (exchange: Exchange) => string> = {
  uuid:
    ({ entropy }) =>
    () =>
      entropy.uuid(),
  'uuid#counter': ({ entropy }) => {
    const uuid = entropy.uuid();
    let counter = 0;
    return () => `${uuid}#${++counter}`;
  },
  tracker: ({ entropy, now }) => {
    const instance = entropy.uuid().slice(0, 8);
    let counter = 0;
    return ({ clientAddress, request }) =>
      `${clientAddress}-${request.localPort}-${instance}-${++counter}-${(now() / 1000).toFixed(3)}`;
  },
};

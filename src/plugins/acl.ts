/** Kong's `acl`: lets callers pass, or not, by the groups their consumer is in. */

import { errorResponse } from '../gateway/error-response.ts';
import { say } from '../gateway/identity.ts';
import type { Exchange, Plugin } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import { whenThere } from '../ports/maybe-promise.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';

interface Settings {
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[] | null;
  readonly hide_groups_header: boolean;
}

const groupsHeader = 'X-Consumer-Groups';

export const acl: Plugin = {
  name: 'acl',
  priority: 950,
  authenticates: false,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        allow: { type: 'array', elements: { type: 'string' }, description: 'Groups that may pass, and no others.' },
        deny: { type: 'array', elements: { type: 'string' }, description: 'Groups that may not pass; all others may.' },
        hide_groups_header: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Does not tell the upstream the groups of the consumer.',
        },
        always_use_authenticated_groups: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Prefers groups that an authentication names by itself, which none of this gate does.',
        },
      },
    },
  },
  entity_checks: [
    { only_one_of: ['config.allow', 'config.deny'] },
    { at_least_one_of: ['config.allow', 'config.deny'] },
  ],
  compile(config, _place, tools) {
    const { allow, deny, hide_groups_header: hides } = config as unknown as Settings;
    const mayPass = (groups: readonly string[]): boolean => {
      if (deny !== null && deny.length > 0) return !groups.some((group) => deny.includes(group));
      return groups.some((group) => allow?.includes(group));
    };
    return {
      access(exchange) {
        // Nobody but the gate says in which groups a consumer is.
        exchange.request.removeHeader(groupsHeader);
        const { consumer, credential } = exchange.identity ?? {};
        if (consumer === undefined) return credential === undefined ? unknown(exchange) : forbidden(exchange);
        return whenThere(tools.records.allOf('acls', 'consumer', consumer.id), (rows) => {
          const groups = rows.map(({ group }) => group as string);
          if (!mayPass(groups)) return forbidden(exchange);
          if (!hides && groups.length > 0) say(exchange, groupsHeader, groups.join(', '));
          return undefined;
        });
      },
    };
  },
};

function unknown(exchange: Exchange): DirectResponse {
  exchange.refusal = 'caller_unknown';
  return errorResponse(exchange.request, 401, 'Unauthorized');
}

function forbidden(exchange: Exchange): DirectResponse {
  exchange.refusal = 'group_forbidden';
  return errorResponse(exchange.request, 403, 'You cannot consume this service');
}

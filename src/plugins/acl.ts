/** Kong's `acl`: allows or denies consumers by their groups. */
import type { Exchange } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import { whenThere } from '../ports/maybe-promise.ts';
import { definePlugin } from './define-plugin.ts';
import { refuse } from './responses.ts';

const groupsHeader = 'X-Consumer-Groups';

export const acl = definePlugin({
  name: 'acl',
  priority: 950,
  authenticates: false,
  perConsumer: false,
  settings: {
    allow: {
      type: 'array',
      elements: { type: 'string' },
      description: 'Groups that are allowed; all others are denied.',
    },
    deny: {
      type: 'array',
      elements: { type: 'string' },
      description: 'Groups that are denied; all others are allowed.',
    },
    hide_groups_header: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Does not send the groups of the consumer upstream.',
    },
    always_use_authenticated_groups: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Prefers groups that an authentication plugin provides. No plugin of this gate provides any.',
    },
  },
  entity_checks: [
    { only_one_of: ['config.allow', 'config.deny'] },
    { at_least_one_of: ['config.allow', 'config.deny'] },
  ],
  compile({ allow, deny, hide_groups_header: hides }, _place, tools) {
    const isAllowed = (groups: readonly string[]): boolean => {
      if (deny !== null && deny.length > 0) return !groups.some((group) => deny.includes(group));
      return groups.some((group) => allow?.includes(group));
    };
    return {
      access(exchange) {
        // Removes the header that a client sent; only the gate sets it.
        exchange.request.removeHeader(groupsHeader);
        const { consumer, credential, anonymous } = exchange.identity ?? {};
        if (consumer === undefined) return credential === undefined ? unknown(exchange) : forbid(exchange);
        return whenThere(tools.records.allOf('acls', 'consumer', consumer.id), (rows) => {
          const groups = rows.map(({ group }) => group as string);
          // Kong: an anonymous caller without groups may be allowed once it authenticates.
          if (!isAllowed(groups)) {
            return anonymous && groups.length === 0 ? unknown(exchange) : forbid(exchange);
          }
          if (!hides && groups.length > 0) exchange.request.setHeader(groupsHeader, groups.join(', '));
          return undefined;
        });
      },
    };
  },
});

function unknown(exchange: Exchange): DirectResponse {
  return refuse(exchange, 'caller_unknown', 401, 'Unauthorized');
}

function forbid(exchange: Exchange): DirectResponse {
  return refuse(exchange, 'group_forbidden', 403, 'You cannot consume this service');
}

/** Kong's `ip-restriction`: allows or denies requests by the client address. */
import { type Networks, parseNetworks } from '../address/ip-address.ts';
import type { ArrayField } from '../schema/description.ts';
import { protocols } from '../schema/fields.ts';
import { checkAddressOrNetwork } from '../schema/host.ts';
import { definePlugin } from './define-plugin.ts';
import { refuse } from './responses.ts';

const networks = (description: string) =>
  ({
    type: 'array',
    elements: { type: 'string', check: checkAddressOrNetwork },
    description,
  }) as const satisfies ArrayField;

export const ipRestriction = definePlugin({
  name: 'ip-restriction',
  priority: 990,
  authenticates: false,
  protocols: {
    type: 'set',
    required: true,
    default: ['http', 'https', 'tcp', 'tls', 'grpc', 'grpcs'],
    elements: { type: 'string', one_of: protocols },
  },
  settings: {
    allow: networks('Addresses and networks that are allowed; all others are denied.'),
    deny: networks('Addresses and networks that are denied, also if `allow` lists them.'),
    status: {
      type: 'number',
      required: false,
      between: [400, 599],
      description: 'The status of the error response. Null: 403.',
    },
    message: { type: 'string', required: false, description: 'The message of the error response.' },
  },
  entity_checks: [{ at_least_one_of: ['config.allow', 'config.deny'] }],
  compile({ status, message, ...settings }) {
    const deny = networksOf(settings.deny);
    const allow = networksOf(settings.allow);
    return {
      access(exchange) {
        const { clientAddress } = exchange;
        if (!deny?.has(clientAddress) && (allow === undefined || allow.has(clientAddress))) return undefined;
        const text = message ?? `IP address not allowed: ${clientAddress}`;
        return refuse(exchange, 'address_forbidden', status ?? 403, text);
      },
    };
  },
});

function networksOf(list: readonly string[] | null): Networks | undefined {
  if (list === null || list.length === 0) return undefined;
  const read = parseNetworks(list);
  if ('invalid' in read) throw new TypeError(`'${read.invalid}' is neither an address nor a network`);
  return read;
}

/** Kong's `ip-restriction`: lets callers pass, or not, by the address they call from. */

import { type Networks, parseNetworks } from '../address/ip-address.ts';
import { errorResponse } from '../gateway/error-response.ts';
import type { Plugin } from '../gateway/plugin.ts';
import type { ArrayField } from '../schema/description.ts';
import { protocols } from '../schema/fields.ts';
import { checkAddressOrNetwork } from '../schema/host.ts';

interface Settings {
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[] | null;
  readonly status: number | null;
  readonly message: string | null;
}

const networks = (description: string): ArrayField => ({
  type: 'array',
  elements: { type: 'string', check: checkAddressOrNetwork },
  description,
});

export const ipRestriction: Plugin = {
  name: 'ip-restriction',
  priority: 990,
  authenticates: false,
  fields: {
    protocols: {
      type: 'set',
      required: true,
      default: ['http', 'https', 'tcp', 'tls', 'grpc', 'grpcs'],
      elements: { type: 'string', one_of: protocols },
    },
    config: {
      type: 'record',
      required: true,
      fields: {
        allow: networks('Addresses and networks that may pass, and no others.'),
        deny: networks('Addresses and networks that may not pass. What stands in both may not.'),
        status: {
          type: 'number',
          required: false,
          between: [400, 599],
          description: 'The status of a refusal. Null: 403.',
        },
        message: { type: 'string', required: false, description: 'What a refusal says.' },
      },
    },
  },
  entity_checks: [{ at_least_one_of: ['config.allow', 'config.deny'] }],
  compile(config) {
    const settings = config as unknown as Settings;
    const deny = compiled(settings.deny);
    const allow = compiled(settings.allow);
    return {
      access(exchange) {
        const { clientAddress, request } = exchange;
        if (!deny?.has(clientAddress) && (allow === undefined || allow.has(clientAddress))) return undefined;
        exchange.refusal = 'address_forbidden';
        const message = settings.message ?? `IP address not allowed: ${clientAddress}`;
        return errorResponse(request, settings.status ?? 403, message);
      },
    };
  },
};

function compiled(list: readonly string[] | null): Networks | undefined {
  if (list === null || list.length === 0) return undefined;
  const read = parseNetworks(list);
  if ('invalid' in read) throw new TypeError(`'${read.invalid}' is neither an address nor a network`);
  return read;
}

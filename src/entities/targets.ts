/** Kong's targets: the instances of an upstream, by address and port, with their weights. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestampWithFraction } from '../schema/fields.ts';
import { readHost } from '../schema/host.ts';

export const targets: Description = {
  name: 'targets',
  endpointKey: 'target',
  fields: {
    id,
    created_at: timestampWithFraction,
    updated_at: timestampWithFraction,
    upstream: { type: 'foreign', reference: 'upstreams', required: true, on_delete: 'cascade' },
    target: { type: 'string', required: true, check: checkTarget },
    weight: { type: 'integer', default: 100, between: [0, 65535] },
    tags,
  },
  uniqueTogether: [['upstream', 'target']],
  derives: ({ target }) => (typeof target === 'string' ? { target: targetWithPort(target) } : {}),
};

function checkTarget(text: string): string | undefined {
  return 'wrong' in readHost(text) ? 'Invalid target; not a valid hostname or ip address' : undefined;
}

/** Kong's default port of a target is 8000; an IPv6 address is in brackets. */
export function targetWithPort(text: string): string {
  const reading = readHost(text);
  if ('wrong' in reading || reading.port !== undefined) return text;
  return reading.type === 'ipv6' ? `[${text.replace(/^\[|\]$/g, '')}]:8000` : `${text}:8000`;
}

/** Values that are valid, as in Kong, and have no effect in the gate. A write of one gets a warning. */
import type { Entity, Json } from '../ports/entity-store.ts';

export interface WithoutEffect {
  readonly field: string;
  readonly message: string;
}

const streams: readonly Json[] = ['tcp', 'tls', 'udp', 'tls_passthrough'];

export function withoutEffect(kind: string, row: Entity): readonly WithoutEffect[] {
  if (kind === 'services' && streams.includes(row['protocol'] ?? null)) {
    return [
      {
        field: 'protocol',
        message: `${row['protocol']} is for streams, and the gate forwards HTTP, gRPC and WebSockets only`,
      },
    ];
  }
  const protocols = kind === 'routes' ? row['protocols'] : undefined;
  const ineffective = Array.isArray(protocols)
    ? (protocols as readonly Json[]).filter((one) => streams.includes(one))
    : [];
  if (ineffective.length === 0) return [];
  const which = ineffective.join(', ');
  return [
    {
      field: 'protocols',
      message: `the route matches no request: ${which} is for streams, and the gate forwards HTTP, gRPC and WebSockets only`,
    },
  ];
}

/** Kong's ca_certificates: the CA certificates that verify the certificates of upstreams. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';
import { certificate } from './certificates.ts';
import { certificateDigest, checkAuthority } from './x509.ts';

export const caCertificates: Description = {
  name: 'ca_certificates',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    cert: { ...certificate, required: true },
    cert_digest: { type: 'string', unique: true },
    tags,
  },
  entity_checks: [
    {
      custom_entity_check: {
        field_sources: ['cert'],
        check: ({ cert }) => {
          const wrong = typeof cert === 'string' ? checkAuthority(cert) : undefined;
          return wrong === undefined ? undefined : { '@entity': wrong };
        },
      },
    },
  ],
  derives: ({ cert }) => ({ cert_digest: (typeof cert === 'string' ? certificateDigest(cert) : undefined) ?? null }),
};

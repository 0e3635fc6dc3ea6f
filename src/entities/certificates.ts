/**
 * Kong's certificates: a certificate with its key, and optionally a second pair of another key type. They are served for
 * the names of `snis`, and sent to upstreams that ask for a client certificate. Keys are encrypted at rest.
 */
import type { Json } from '../ports/entity-store.ts';
import type { CustomEntityCheck, Description, JsonObject, StringField } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';
import { belongTogether, checkCertificate, checkPrivateKey, keyTypeOf } from './x509.ts';

export const certificate: StringField = { type: 'string', check: checkCertificate };
const key: StringField = { type: 'string', check: checkPrivateKey, encrypted: true };

export const certificates: Description = {
  name: 'certificates',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    cert: { ...certificate, required: true },
    key: { ...key, required: true },
    cert_alt: certificate,
    key_alt: key,
    tags,
  },
  entity_checks: [
    { mutually_required: ['cert_alt', 'key_alt'] },
    {
      custom_entity_check: {
        field_sources: ['cert', 'key'],
        check: pair('cert', 'key', 'certificate does not match key'),
      },
    },
    {
      custom_entity_check: {
        field_sources: ['cert_alt', 'key_alt'],
        check: pair('cert_alt', 'key_alt', 'alternative certificate does not match key'),
      },
    },
    { custom_entity_check: { field_sources: ['cert', 'cert_alt'], check: differentTypes } },
  ],
};

function pair(cert: string, key: string, wrong: string): CustomEntityCheck['check'] {
  return (row) => {
    const [one, other] = [row[cert], row[key]];
    if (!isText(one) || !isText(other) || belongTogether(one, other)) return undefined;
    return { '@entity': wrong };
  };
}

function differentTypes({ cert, cert_alt: other }: JsonObject): { readonly [field: string]: string } | undefined {
  if (!isText(cert) || !isText(other) || keyTypeOf(cert) !== keyTypeOf(other)) return undefined;
  return {
    '@entity':
      'certificate and alternative certificate need to have different type (e.g. RSA and ECDSA), the provided certificates were both of the same type',
  };
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string';
}

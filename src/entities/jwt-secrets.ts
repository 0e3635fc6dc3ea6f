/** Kong's jwt_secrets: the secrets and public keys that verify the JWTs of consumers, found by the issuer of the JWT (`key`). */
import { checkVerificationKey, isKeyPairAlgorithm, jwsAlgorithms } from '../oauth/jws.ts';
import type { CustomEntityCheck, Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';

export const jwtSecrets: Description = {
  name: 'jwt_secrets',
  adminName: 'jwts',
  adminNestedName: 'jwt',
  endpointKey: 'key',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    key: { type: 'string', required: false, unique: true, auto: true },
    secret: { type: 'string', auto: true, encrypted: true },
    rsa_public_key: { type: 'string' },
    algorithm: { type: 'string', default: 'HS256', one_of: jwsAlgorithms },
    tags,
  },
  entity_checks: [{ custom_entity_check: publicKeyFits() }],
};

function publicKeyFits(): CustomEntityCheck {
  return {
    field_sources: ['algorithm', 'rsa_public_key'],
    check: ({ algorithm, rsa_public_key: pem }) => {
      if (typeof algorithm !== 'string' || !isKeyPairAlgorithm(algorithm)) return undefined;
      const wrong = typeof pem === 'string' ? checkVerificationKey(algorithm, pem) : 'required field missing';
      if (wrong === undefined) return undefined;
      return { rsa_public_key: wrong, '@entity': "failed conditional validation given value of field 'algorithm'" };
    },
  };
}

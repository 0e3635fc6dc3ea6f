/**
 * Plugins of a file that an operator can skip by name, because this gate does not have them. Plugins that authenticate,
 * authorize or limit cannot be skipped: the gate would admit requests that the file forbids.
 */
import type { Description } from '../schema/description.ts';

export function isKnownPlugin(entities: ReadonlyMap<string, Description>, name: string): boolean {
  return entities.get('plugins')?.subschema?.get(name) !== undefined;
}

/** Parts of the names of Kong's plugins that authenticate, authorize or limit, and usual ones of other plugins. */
const guarding =
  /auth|oidc|openid|saml|jwt|jwe|token|session|mtls|acl|restriction|limit|quota|throttl|bot-detection|termination|validat|opa$|firewall|waf|guard|ldap|header-cert|injection|mocking/;

/** The reason why `name` cannot be skipped; `undefined`: it can. */
export function notSkippable(name: string, isKnown: boolean): string | undefined {
  if (isKnown) return `${name} is a plugin of this gate; there is nothing to skip`;
  if (!guarding.test(name.toLowerCase())) return undefined;
  return `${name} decides which requests are admitted, or how often; without it the file would protect less than it says`;
}

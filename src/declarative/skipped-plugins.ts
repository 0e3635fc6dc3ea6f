/**
 * Plugins of a file that an operator may leave out by name, because this gate does not have them. Who comes in and how
 * often is not among what can be left out: the file would mean something else than it says, and a door would be open.
 */

/** What Kong's plugins that authenticate, authorize or limit are called, and what those of others tend to be called. */
const guarding =
  /auth|oidc|openid|saml|jwt|jwe|token|session|mtls|acl|restriction|limit|quota|throttl|bot-detection|termination|validat|opa$|firewall|waf|guard|ldap|header-cert|injection|mocking/;

/** Why `name` cannot be left out, or `undefined`. */
export function notSkippable(name: string, isKnown: boolean): string | undefined {
  if (isKnown) return `${name} is a plugin of this gate; there is nothing to skip`;
  if (!guarding.test(name.toLowerCase())) return undefined;
  return `${name} decides who may call, or how often; without it the file would guard less than it says`;
}

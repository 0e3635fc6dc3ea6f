/**
 * `any_of`, which Kong does not have: several ways to authenticate on one route, of which one is enough. They are tried
 * in the order in which the operator lists them. The first that authenticates the caller lets the request pass; if none
 * does, the response is that of the first. Kong needs `anonymous` on each of them for the same, and another plugin that
 * rejects the anonymous consumer.
 *
 *     any_of: { plugins: [key-auth, oauth2], key-auth: {}, oauth2: { scopes: [read], enable_client_credentials: true } }
 */

import type { AccessDecision, Exchange, Plugin } from '../gateway/plugin.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { CustomEntityCheck, EntityCheck, Field, JsonObject } from '../schema/description.ts';
import { own } from '../schema/json.ts';
import { anonymousField, type Refused, refuseOrAnonymous } from './authentication.ts';
import { definePlugin } from './define-plugin.ts';

/** `authenticators`: the plugins that may be listed. */
export function anyOf(authenticators: readonly Plugin[]): Plugin {
  const byName = new Map(authenticators.map((plugin) => [plugin.name, plugin]));
  const names = [...byName.keys()];
  return definePlugin({
    name: 'any_of',
    priority: 1440,
    authenticates: true,
    ours: true,
    settings: {
      plugins: {
        type: 'set',
        required: true,
        len_min: 1,
        elements: { type: 'string', one_of: names },
        description: 'The ways to authenticate, in the order in which they are tried.',
      },
      anonymous: anonymousField,
      ...Object.fromEntries(authenticators.map(({ name, fields }) => [name, settingsField(fields['config']!)])),
    },
    settingsRules: { entity_checks: [{ custom_entity_check: eachWithSettings(names) }] },
    entity_checks: authenticators.flatMap(({ name, entity_checks }) => checksUnder(name, entity_checks ?? [])),
    compile({ plugins, anonymous, ...ofPlugins }, place, tools) {
      const hooks = plugins.map((name) => {
        const settings = own(ofPlugins as JsonObject, name) as JsonObject;
        return byName.get(name)!.compile({ ...settings, anonymous: null }, place, tools);
      });
      const issues = hooks.find((one) => one.issues !== undefined)?.issues;

      function attempt(exchange: Exchange, at: number, refusals: readonly Refused[]): MaybePromise<AccessDecision> {
        if (at === hooks.length) {
          // An attempt that could not be made (rate limited, say) might have succeeded, so it outranks a 401.
          const refused = refusals.find(({ response }) => response.status !== 401) ?? refusals[0]!;
          return refuseOrAnonymous(exchange, refused, anonymous, tools);
        }
        return whenThere(hooks[at]!.access?.(exchange), (decision) => {
          if (decision === undefined || 'handover' in decision) {
            exchange.refusal = undefined;
            return decision;
          }
          return attempt(exchange, at + 1, [...refusals, { response: decision, refusal: exchange.refusal }]);
        });
      }

      return {
        ...(issues === undefined ? {} : { issues }),
        access: (exchange) => attempt(exchange, 0, []),
      };
    },
  });
}

/** The settings of a plugin without `anonymous`, which `any_of` has once for all of them. */
function settingsField(config: Field): Field {
  if (config.type !== 'record') return config;
  const { anonymous: _, ...fields } = config.fields;
  return { ...config, fields, required: false, unlessSet: 'absent' };
}

function eachWithSettings(names: readonly string[]): CustomEntityCheck {
  return {
    field_sources: ['plugins'],
    check: (config) => {
      const listed = own(config, 'plugins') as readonly string[];
      const wrong = names.flatMap((name) => {
        const settings = own(config, name) ?? null;
        if (listed.includes(name)) return settings === null ? [[name, 'required field missing']] : [];
        return settings === null ? [] : [[name, `'${name}' is not one of the plugins listed`]];
      });
      return wrong.length === 0 ? undefined : Object.fromEntries(wrong);
    },
  };
}

/** Rules over `config.x` as rules over `config.NAME.x`. */
function checksUnder(name: string, checks: readonly EntityCheck[]): EntityCheck[] {
  const under = (field: string): string => field.replace(/^config\./, `config.${name}.`);
  return checks.map((check) => {
    if (!('conditional' in check)) throw new TypeError(`any_of: ${name} has a rule that is not 'conditional'`);
    const { if_field, then_field, ...rules } = check.conditional;
    return { conditional: { ...rules, if_field: under(if_field), then_field: under(then_field) } };
  });
}

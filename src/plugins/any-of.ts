/**
 * `any_of`, which is ours: several ways to authenticate at one route, of which one will do. They are tried in the order
 * in which the operator lists them; the first that knows the caller admits. If none does, the first that was listed says
 * why. In Kong the same takes `anonymous` on every one of them, and a further plugin that turns the anonymous away.
 *
 *     any_of: { plugins: [key-auth, oauth2], key-auth: {}, oauth2: { scopes: [read], enable_client_credentials: true } }
 */

import { identifyAnonymous } from '../gateway/identity.ts';
import type { AccessDecision, Exchange, Plugin, PluginConfig, PluginHooks } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { CustomEntityCheck, EntityCheck, Field } from '../schema/description.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import { own } from '../schema/json.ts';
import { anonymousField } from './authentication.ts';

/** `authenticators`: the plugins that may be listed. */
export function anyOf(authenticators: readonly Plugin[]): Plugin {
  const byName = new Map(authenticators.map((plugin) => [plugin.name, plugin]));
  const names = [...byName.keys()];
  return {
    name: 'any_of',
    priority: 1440,
    authenticates: true,
    ours: true,
    fields: {
      consumer: noConsumer,
      protocols: httpProtocols,
      config: {
        type: 'record',
        required: true,
        fields: {
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
        entity_checks: [{ custom_entity_check: eachWithSettings(names) }],
      },
    },
    entity_checks: authenticators.flatMap(({ name, entity_checks }) => checksUnder(name, entity_checks ?? [])),
    compile(config, place, tools) {
      const listed = config['plugins'] as readonly string[];
      const anonymous = (config['anonymous'] ?? null) as string | null;
      const hooks = listed.map((name) => {
        const settings = { ...(config[name] as PluginConfig), anonymous: null };
        return byName.get(name)!.compile(settings, place, tools);
      });
      const issues = hooks.find((one) => one.issues !== undefined)?.issues;

      function refuse(exchange: Exchange, refusals: readonly Refusal[]): MaybePromise<AccessDecision> {
        // Who could not be tried may be known after all; whoever says so outranks those that do not know the caller.
        const { answer, refusal } = refusals.find(({ answer }) => answer.status !== 401) ?? refusals[0]!;
        exchange.refusal = refusal;
        if (!anonymous) return answer;
        return whenThere(tools.findConsumer(anonymous), (consumer) => {
          if (consumer === undefined) {
            exchange.refusal = 'anonymous_consumer_unknown';
            return answer;
          }
          exchange.refusal = undefined;
          identifyAnonymous(exchange, consumer);
          return undefined;
        });
      }

      function attempt(exchange: Exchange, at: number, refusals: readonly Refusal[]): MaybePromise<AccessDecision> {
        if (at === hooks.length) return refuse(exchange, refusals);
        return whenThere(accessOf(hooks[at]!, exchange), (decision) => {
          if (decision === undefined || 'handover' in decision) {
            exchange.refusal = undefined;
            return decision;
          }
          return attempt(exchange, at + 1, [...refusals, { answer: decision, refusal: exchange.refusal }]);
        });
      }

      return {
        ...(issues === undefined ? {} : { issues }),
        access: (exchange) => attempt(exchange, 0, []),
      };
    },
  };
}

interface Refusal {
  readonly answer: DirectResponse;
  readonly refusal: RefusalCode | undefined;
}

function accessOf({ access }: PluginHooks, exchange: Exchange): MaybePromise<AccessDecision> {
  return access?.(exchange);
}

/** The settings that a plugin has by itself, but for `anonymous`, which is said once for all. */
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
    if (!('conditional' in check)) throw new TypeError(`${name}: a rule that cannot stand in a list`);
    const { if_field, then_field, ...rules } = check.conditional;
    return { conditional: { ...rules, if_field: under(if_field), then_field: under(then_field) } };
  });
}

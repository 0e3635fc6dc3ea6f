/** The types that the compiler derives from a description of settings. Checked by `npm run typecheck`; only `fields` is run. */
import { definePlugin } from '../../src/plugins/define-plugin.ts';
import type { Fields } from '../../src/schema/description.ts';
import type { SettingsOf } from '../../src/schema/settings.ts';

export const fields = {
  optional: { type: 'string' },
  required: { type: 'string', required: true },
  withDefault: { type: 'number', default: 3 },
  nullDefault: { type: 'number', default: null },
  oneOf: { type: 'string', one_of: ['a', 'b'] },
  requiredOneOf: { type: 'integer', one_of: [1, 2], also: { one_of: [3] }, required: true },
  flag: { type: 'boolean', required: true, default: false },
  ours: { type: 'boolean', unlessSet: 'absent' },
  list: { type: 'array', elements: { type: 'string' } },
  listOfOneOf: { type: 'set', required: true, default: [], elements: { type: 'string', one_of: ['x', 'y'] } },
  map: { type: 'map', required: true, default: {}, keys: { type: 'string' }, values: { type: 'integer' } },
  reference: { type: 'foreign', reference: 'routes' },
  record: {
    type: 'record',
    required: true,
    fields: {
      text: { type: 'string', default: 't' },
      inner: { type: 'record', fields: { number: { type: 'number', required: true } } },
    },
  },
  records: { type: 'array', elements: { type: 'record', fields: { name: { type: 'string', default: 'n' } } } },
} as const satisfies Fields;

interface Expected {
  readonly optional: string | null;
  readonly required: string;
  readonly withDefault: number;
  readonly nullDefault: number | null;
  readonly oneOf: 'a' | 'b' | null;
  readonly requiredOneOf: 1 | 2 | 3;
  readonly flag: boolean;
  readonly ours: boolean | null;
  readonly list: readonly string[] | null;
  readonly listOfOneOf: readonly ('x' | 'y')[];
  readonly map: { readonly [key: string]: number | undefined };
  readonly reference: { readonly id: string } | null;
  readonly record: { readonly text: string; readonly inner: { readonly number: number } | null };
  readonly records: readonly { readonly name: string }[] | null;
}

/** `true` only if both types are the same, `readonly` and null included. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
type Flat<T> = T extends readonly (infer Element)[]
  ? readonly Flat<Element>[]
  : T extends object
    ? { readonly [Name in keyof T]: Flat<T[Name]> }
    : T;

export const exact: Same<Flat<SettingsOf<typeof fields>>, Flat<Expected>> = true;
// @ts-expect-error `Same` sees that a type lacks null
export const inexact: Same<Flat<SettingsOf<typeof fields>>, Flat<Expected & { readonly optional: string }>> = true;

export const typed = definePlugin({
  name: 'typed',
  priority: 1,
  authenticates: false,
  settings: {
    mode: { type: 'string', required: true, one_of: ['on', 'off'] },
    until: { type: 'integer', check: (value) => (value > 0 ? undefined : 'must be positive') },
    group: { type: 'record', required: true, fields: { names: { type: 'array', elements: { type: 'string' } } } },
  },
  compile(settings) {
    const mode: 'on' | 'off' = settings.mode;
    // @ts-expect-error a setting without a default may be null
    const until: number = settings.until;
    // @ts-expect-error the same within a record
    const count: number = settings.group.names.length;
    // @ts-expect-error `maybe` is not one of the values
    const never = mode === 'maybe';
    // @ts-expect-error no such setting is described
    const missing = settings.missing;
    // @ts-expect-error settings do not change
    settings.mode = 'off';
    return { access: () => void [until, count, never, missing] };
  },
});

export const wrong = definePlugin({
  name: 'wrong',
  priority: 1,
  authenticates: false,
  // @ts-expect-error there is no such type of field
  settings: { mode: { type: 'text' } },
  compile: () => ({}),
});

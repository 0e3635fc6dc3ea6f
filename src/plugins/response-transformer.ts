/** Kong's `response-transformer`: changes the response that goes to the client. */
import { readJsonMembers } from '../content/json.ts';
import type { ResponseHead } from '../gateway/plugin.ts';
import type { ArrayField, CustomEntityCheck } from '../schema/description.ts';
import { definePlugin } from './define-plugin.ts';
import { jsonNamed, type Named } from './named.ts';
import {
  type Change,
  type Changes,
  change,
  changesIn,
  changesNothing,
  changesOf,
  group,
  headerNames,
  headerPairs,
  names,
  pairs,
} from './transformation.ts';

const typesOfJson = ['boolean', 'number', 'string'] as const;
type JsonType = (typeof typesOfJson)[number];

const jsonTypes = {
  type: 'array',
  required: true,
  default: [],
  elements: { type: 'string', one_of: typesOfJson },
  description: 'The types of the values of `json`, in the same order. Values without a type are strings.',
} as const satisfies ArrayField;

const valued = (description: string) => ({
  ...group(
    {
      json: pairs('Members of a JSON object, as `name:value`.'),
      json_types: jsonTypes,
      headers: headerPairs('Headers, as `name:value`.', 'value'),
    },
    description,
  ),
  entity_checks: [{ custom_entity_check: valuesOfTheirTypes() }],
});

export const responseTransformer = definePlugin({
  name: 'response-transformer',
  priority: 800,
  authenticates: false,
  settings: {
    remove: group(
      { json: names('Members of a JSON object.'), headers: headerNames('Headers.') },
      'Removed from the response.',
    ),
    rename: group(
      {
        json: pairs('Members of a JSON object, as `old:new`.'),
        headers: headerPairs('Headers, as `old:new`.', 'rename'),
      },
      'Renamed, if present.',
    ),
    replace: valued('Replaced by another value, if present.'),
    add: valued('Added, if not present.'),
    append: valued('Added, also if already present.'),
  },
  compile(settings) {
    const headers = changesIn('headers', settings, (text) => text);
    const json: Changes<string> = {
      ...changesIn('json', settings, (text) => text),
      replace: typedChanges(settings.replace),
      add: typedChanges(settings.add),
      append: typedChanges(settings.append),
    };
    return {
      ...(!changesNothing(headers) && {
        respond: (_exchange, head) => change(headersOf(head), headers),
      }),
      ...(!changesNothing(json) && {
        access({ request }) {
          // A compressed response cannot be changed.
          request.setHeader('Accept-Encoding', 'identity');
          return undefined;
        },
        body: {
          wants: (_exchange, head) => isPlainJson(head),
          change(_exchange, _head, body) {
            const members = readJsonMembers(
              Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
            );
            if (members === undefined) return body;
            const named = jsonNamed(members);
            change(named, json);
            return Buffer.from(named.print());
          },
        },
      }),
    };
  },
});

function isPlainJson(head: ResponseHead): boolean {
  const encoding = head.header('content-encoding') ?? 'identity';
  return (
    /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(head.header('content-type') ?? '') &&
    /^identity$/i.test(encoding)
  );
}

function headersOf(head: ResponseHead): Named<string> {
  return {
    has: (name) => head.header(name) !== undefined,
    remove: (name) => head.removeHeader(name),
    rename(from, to) {
      const value = Buffer.from(head.header(from)!, 'latin1').toString('utf8');
      head.removeHeader(from);
      head.setHeader(to, value);
    },
    set: (name, value) => head.setHeader(name, value),
    append: (name, value) => head.addHeader(name, value),
  };
}

function typedChanges(of: { readonly json: readonly string[]; readonly json_types: readonly JsonType[] }) {
  return changesOf(of.json).map(({ name, value }, i): Change => ({ name, value: typed(value, of.json_types[i])! }));
}

/** The JSON of a value. `undefined`: the text is not a value of that type. */
function typed(text: string, type: JsonType = 'string'): string | undefined {
  if (type === 'string') return JSON.stringify(text);
  if (type === 'boolean') return text === 'true' || text === 'false' ? text : undefined;
  // "number = [ minus ] int [ frac ] [ exp ]" (RFC 8259 §6). Other spellings that Kong accepts are printed as such a number.
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return text;
  return text.trim() !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : undefined;
}

function valuesOfTheirTypes(): CustomEntityCheck {
  return {
    field_sources: ['json', 'json_types'],
    check({ json, json_types }) {
      const types = (json_types ?? []) as readonly JsonType[];
      const wrong = changesOf(json as readonly string[] | null).find(
        ({ value }, i) => typed(value, types[i]) === undefined,
      );
      return wrong === undefined ? undefined : { json: `the value of '${wrong.name}' is not of its json_type` };
    },
  };
}

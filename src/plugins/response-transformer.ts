/** Kong's `response-transformer`: changes what the client is told. */
import { readJsonObject } from '../content/json.ts';
import type { Plugin, ResponseHead } from '../gateway/plugin.ts';
import type { ArrayField, CustomEntityCheck } from '../schema/description.ts';
import { httpProtocols } from '../schema/fields.ts';
import { mapNamed, type Named } from './named.ts';
import {
  type Changes,
  change,
  changesNothing,
  changesOf,
  group,
  headerNames,
  headerPairs,
  names,
  pairs,
} from './transformation.ts';

type JsonType = 'boolean' | 'number' | 'string';

interface Valued {
  readonly headers: readonly string[] | null;
  readonly json: readonly string[] | null;
  readonly json_types: readonly JsonType[] | null;
}

interface Settings {
  readonly remove: { readonly headers: readonly string[] | null; readonly json: readonly string[] | null };
  readonly rename: { readonly headers: readonly string[] | null; readonly json: readonly string[] | null };
  readonly replace: Valued;
  readonly add: Valued;
  readonly append: Valued;
}

const jsonTypes: ArrayField = {
  type: 'array',
  required: true,
  default: [],
  elements: { type: 'string', one_of: ['boolean', 'number', 'string'] },
  description: 'What the values of `json` are, in the same order; strings, where nothing is said.',
};

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

export const responseTransformer: Plugin = {
  name: 'response-transformer',
  priority: 800,
  authenticates: false,
  fields: {
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        remove: group(
          { json: names('Members of a JSON object.'), headers: headerNames('Headers.') },
          'What the client does not get.',
        ),
        rename: group(
          {
            json: pairs('Members of a JSON object, as `old:new`.'),
            headers: headerPairs('Headers, as `old:new`.', 'rename'),
          },
          'What the client gets by another name.',
        ),
        replace: valued('What the client gets with another value, where it is there.'),
        add: valued('What the client gets where it is not there.'),
        append: valued('What the client gets beside what is there.'),
      },
    },
  },
  compile(config) {
    const settings = config as unknown as Settings;
    const headers: Changes<string> = {
      remove: changesOf(settings.remove.headers),
      rename: changesOf(settings.rename.headers),
      replace: changesOf(settings.replace.headers),
      add: changesOf(settings.add.headers),
      append: changesOf(settings.append.headers),
    };
    const json: Changes<unknown> = {
      remove: changesOf(settings.remove.json),
      rename: changesOf(settings.rename.json),
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
          // What comes compressed cannot be looked into.
          request.setHeader('Accept-Encoding', 'identity');
          return undefined;
        },
        body: {
          wants: (_exchange, head) => isPlainJson(head),
          change(_exchange, _head, body) {
            const members = readJsonObject(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
            if (members === undefined) return body;
            change(mapNamed(members), json);
            return Buffer.from(JSON.stringify(Object.fromEntries(members)));
          },
        },
      }),
    };
  },
};

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

function typedChanges({ json, json_types }: Valued): { readonly name: string; readonly value: unknown }[] {
  return changesOf(json).map(({ name, value }, i) => ({ name, value: typed(value, json_types?.[i] ?? 'string') }));
}

/** `undefined`: the text is nothing of that type. */
function typed(text: string, type: JsonType): string | number | boolean | undefined {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function valuesOfTheirTypes(): CustomEntityCheck {
  return {
    field_sources: ['json', 'json_types'],
    check({ json, json_types }) {
      const types = (json_types ?? []) as readonly JsonType[];
      const wrong = changesOf(json as readonly string[] | null).find(
        ({ value }, i) => typed(value, types[i] ?? 'string') === undefined,
      );
      return wrong === undefined ? undefined : { json: `the value of '${wrong.name}' is not of its json_type` };
    },
  };
}

/**
 * `/config`: the whole configuration as one file (Kong's endpoint of a gateway without a database). While a file is
 * active, only the file defines services, routes, plugins, consumers and credentials, and the Admin API refuses to write
 * them one by one, as Kong does. Tokens can still be written.
 */

import { type DocumentProblem, placeText, problemText } from '../../src/declarative/document.ts';
import type { Loaded } from '../../src/declarative/loaded.ts';
import type { JsonObject } from '../../src/schema/description.ts';
import { codes, type RefusalBody } from '../../src/schema/error-bodies.ts';
import { own } from '../../src/schema/json.ts';
import type { Body } from './body.ts';
import type { Endpoint } from './endpoints.ts';
import { type AdminResponse, badRequest, created, ok, refused, withWarnings } from './response.ts';

/** Loads configuration files, for the endpoints. */
export interface ConfigurationFile {
  /** The digest of the active file. `undefined`: no file is active, and the Admin API writes the configuration. */
  activeDigest(): string | undefined;
  load(text: string, how: { readonly checkHash: boolean }): Promise<Loaded>;
  /** Reads the file of the settings again. `undefined`: the settings name none. */
  reload(): Promise<Loaded | undefined>;
  print(): Promise<string>;
}

export function configurationFileEndpoints(file: ConfigurationFile): readonly Endpoint[] {
  return [
    {
      path: '/config',
      readsText: true,
      methods: {
        async GET() {
          return ok({ config: await file.print() });
        },
        async POST({ body, query }) {
          if (file.activeDigest() === undefined) return notActive;
          const text = textOf(body);
          if (text === undefined)
            return badRequest("expected a declarative configuration, or one in the field 'config'");
          const loaded = await file.load(text, { checkHash: query.get('check_hash') === '1' });
          return loaded.outcome === 'loaded'
            ? withWarnings(created(flattened(loaded)), loaded.warnings.map(problemText))
            : responseTo(loaded);
        },
      },
    },
    {
      path: '/config/reload',
      methods: {
        async POST() {
          const loaded = await file.reload();
          return loaded === undefined ? notActive : responseTo(loaded);
        },
      },
    },
  ];
}

/** Refuses to write a row of `kind` while a file is active. */
export function writtenByFile(file: ConfigurationFile, act: string, kind: string): AdminResponse | undefined {
  if (kind === 'oauth2_tokens' || file.activeDigest() === undefined) return undefined;
  const body: RefusalBody = {
    code: codes.operationUnsupported,
    name: 'operation unsupported',
    message: `cannot ${act} '${kind}' entities when not using a database`,
  };
  return refused(body);
}

const notActive = badRequest(
  'this endpoint is only available while a configuration file is active: start the gate with PORTCULLIS_CONFIG',
);

/** As Kong accepts it: the document itself, or its text in the field `config` of JSON or a form. */
function textOf({ sent, text }: Body): string | undefined {
  const config = own(sent, 'config');
  if (typeof config === 'string') return config;
  return text === undefined || text.trim() === '' ? undefined : text;
}

/** All rows by kind and id. */
function flattened({ rows }: Extract<Loaded, { outcome: 'loaded' }>): unknown {
  const kinds = rows.filter((kind) => kind.rows.length > 0);
  return Object.fromEntries(
    kinds.map(({ description, rows }) => [description.name, Object.fromEntries(rows.map((row) => [row.id, row]))]),
  );
}

function responseTo(loaded: Loaded): AdminResponse {
  switch (loaded.outcome) {
    case 'unchanged':
      return { status: 304 };
    case 'loaded': {
      const { added, changed, removed, skipped } = loaded;
      const warnings = loaded.warnings.map(problemText);
      const message = 'the configuration file is active';
      return withWarnings(ok({ message, added, changed, removed, skipped_plugins: skipped, warnings }), warnings);
    }
    case 'refused':
      return refused(refusalOf(loaded.problems));
  }
}

function refusalOf(problems: readonly DocumentProblem[]): RefusalBody & { readonly problems: unknown } {
  const lines = problems.map(({ line, message, place }) => ({
    ...(line === undefined ? {} : { line }),
    field: placeText(place),
    message,
  }));
  const [first] = lines;
  const more = lines.length > 1 ? ` and ${lines.length - 1} more` : '';
  const at = first?.line === undefined ? '' : ` on line ${first.line}`;
  return {
    code: codes.invalidConfiguration,
    name: 'invalid declarative configuration',
    message: `declarative config is invalid: ${first?.field}${first?.field === '' ? '' : ': '}${first?.message}${at}${more}`,
    fields: nested(problems),
    problems: lines,
  };
}

/** As Kong nests them: by field, and lists with null for correct elements. */
function nested(problems: readonly DocumentProblem[]): JsonObject {
  const root: Tree = Object.create(null);
  for (const { place, message } of problems) {
    const path = place.length === 0 ? ['@entity'] : place;
    let into: Tree | Leaf[] = root;
    for (const [at, part] of path.entries()) {
      const isLast = at === path.length - 1;
      const next: Leaf = isLast ? message : typeof path[at + 1] === 'number' ? [] : Object.create(null);
      const there: Leaf | undefined = Array.isArray(into) ? into[part as number] : into[String(part)];
      const usable = !isLast && typeof there === 'object' && there !== null ? there : undefined;
      if (usable === undefined) {
        if (Array.isArray(into)) {
          while (into.length < (part as number)) into.push(null);
          into[part as number] = next;
        } else into[String(part)] = next;
      }
      if (isLast) break;
      into = (usable ?? next) as Tree | Leaf[];
    }
  }
  return root as JsonObject;
}

type Leaf = string | null | Tree | Leaf[];
interface Tree {
  [field: string]: Leaf;
}

/**
 * Collects the settings that were given. The command line comes first, then the environment, the settings file, Kong's
 * names in the environment, and a kong.conf. A message spells a name as its source does, so that the operator finds it.
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Scalar } from 'yaml';
import { nearest } from './suggestion.ts';

export interface SettingSources {
  /** By their names without the dashes: `proxy-listen`. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A settings file, as YAML: `proxy_listen: 0.0.0.0:8000`. */
  readonly file?: { readonly path: string; readonly text: string };
  /** A kong.conf: `proxy_listen = 0.0.0.0:8000`, by Kong's names. */
  readonly kongConf?: { readonly path: string; readonly text: string };
  /** Defaults of a command, by the names of the table. All other sources override them. */
  readonly defaults?: Readonly<Record<string, Given>>;
}

export interface Given {
  readonly text: string;
  /** The name as written, and the place. */
  readonly from: string;
}

interface Gathered {
  /** By the names of the table. */
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly { readonly from: string; readonly problem: string }[];
  readonly warnings: readonly string[];
}

export function gather(
  { flags = {}, env = {}, file, kongConf, defaults = {} }: SettingSources,
  names: readonly string[],
  kongNames: ReadonlyMap<string, string>,
): Gathered {
  const given = new Map<string, Given>();
  const problems: { from: string; problem: string }[] = [];
  const warnings: string[] = [];
  const take = (text: string, written: string, from: string, spell: (name: string) => string) => {
    const name = names.find((one) => spell(one) === written);
    if (name !== undefined) return void given.set(name, { text, from });
    const meant = nearest(written, names.map(spell));
    problems.push({
      from,
      problem: meant === undefined ? 'there is no such setting' : `there is no such setting; did you mean ${meant}?`,
    });
  };

  for (const [name, byDefault] of Object.entries(defaults)) given.set(name, byDefault);
  for (const { name: written, text, from } of kongConf === undefined ? [] : kongLines(kongConf)) {
    const name = kongNames.get(written.toUpperCase());
    if (name === undefined) warnings.push(`${from} is a setting of Kong that this gate does not have; it is ignored`);
    else if (text !== '') given.set(name, { text: asOurs(name, text), from });
  }
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('KONG_') || value === undefined || isServiceLink(variable, value)) continue;
    const name = kongNames.get(variable.slice('KONG_'.length));
    if (name === undefined)
      warnings.push(`${variable} is a setting of Kong that this gate does not have; it is ignored`);
    else if (value !== '') given.set(name, { text: asOurs(name, value), from: variable });
  }
  if (file !== undefined) {
    for (const line of linesOf(file)) {
      if ('problem' in line) problems.push(line);
      else take(line.text, line.name, line.from, inFile);
    }
  }
  for (const [variable, value] of Object.entries(env)) {
    // Templates leave a variable empty when nothing was set.
    if (!variable.startsWith('PORTCULLIS_') || !value || isServiceLink(variable, value)) continue;
    if (variable !== settingsFileVariable && variable !== kongConfVariable)
      take(value, variable, variable, inEnvironment);
  }
  for (const [flag, value] of Object.entries(flags)) take(value, `--${flag}`, `--${flag}`, onCommandLine);
  return { given, problems, warnings };
}

/** The variable that names the settings file; on the command line it is `--settings`. */
export const settingsFileVariable = 'PORTCULLIS_SETTINGS';

/** The variable that names a kong.conf to read; on the command line it is `--kong-conf`. */
export const kongConfVariable = 'PORTCULLIS_KONG_CONF';

/** `proxyListen` is `proxy_listen` in a file … */
export function inFile(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** … `PORTCULLIS_PROXY_LISTEN` in the environment … */
export function inEnvironment(name: string): string {
  return `PORTCULLIS_${inFile(name).toUpperCase()}`;
}

/** … and `--proxy-listen` on the command line. */
export function onCommandLine(name: string): string {
  return `--${inFile(name).replaceAll('_', '-')}`;
}

/** Kong's `auto` is one worker for each core. Only one worker is supported so far. */
function asOurs(name: string, value: string): string {
  return name === 'workers' && value === 'auto' ? '1' : value;
}

/** For a Service called portcullis, Kubernetes sets `PORTCULLIS_PORT=tcp://10.0.0.1:8000` and more in each pod. */
function isServiceLink(variable: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(variable) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable) ||
    (variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

/** The lines of a kong.conf: `name = value`, with optional quotes around the value and a comment after ` #`. */
function* kongLines({ path, text }: { readonly path: string; readonly text: string }) {
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const [, name, rest] = /^\s*([A-Za-z0-9_]+)\s*=(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    const value = rest.replace(/(^|\s)#.*$/, '').trim();
    yield { name, text: value.replace(/^(["'])(.*)\1$/, '$2'), from: `${path}:${at + 1} ${name}` };
  }
}

type FileLine =
  | { readonly name: string; readonly text: string; readonly from: string }
  | { readonly from: string; readonly problem: string };

function linesOf({ path, text }: { readonly path: string; readonly text: string }): FileLine[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined) => `${path}:${lines.linePos(offset ?? 0).line}`;
  if (document.errors.length > 0) {
    return document.errors.map(({ pos, code, message }) => ({
      from: at(pos[0]),
      problem: code === 'BLOCK_AS_IMPLICIT_KEY' ? `${message}; ${colonInQuotes}` : message,
    }));
  }
  if (document.contents === null) return [];
  if (!isMap(document.contents)) return [{ from: at(0), problem: 'a settings file has lines of the form name: value' }];
  return document.contents.items.flatMap((pair): FileLine[] => {
    const name = isScalar(pair.key) ? String(pair.key.value) : '';
    const from = `${at(isScalar(pair.key) ? pair.key.range?.[0] : undefined)} ${name}`;
    const { value } = pair;
    if (value === null || (isScalar(value) && value.value === null)) return [];
    if (isScalar(value)) return [{ name, from, text: written(value) }];
    if (isSeq(value) && value.items.every((item) => isScalar(item))) {
      return [{ name, from, text: value.items.map(written).join(', ') }];
    }
    return [{ from, problem: 'takes one value, or a list of them' }];
  });
}

const colonInQuotes = 'put a value that ends with a colon in quotes, as in store: "memory:"';

/** The text in the file: `0x10` and `1e3` are not converted to other numbers first. */
function written(scalar: Scalar): string {
  return scalar.source ?? String(scalar.value);
}

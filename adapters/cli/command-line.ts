/** Reads the words after a command with `node:util`, and refuses a wrong one by its name. */
import { parseArgs } from 'node:util';
import { nearest } from '../configuration/suggestion.ts';

/** What a command takes. */
export interface CommandForm {
  /** Flags with a value. */
  readonly flags: readonly string[];
  /** Flags without a value. */
  readonly switches: readonly string[];
  /** The words after the name of the command, as its help calls them. */
  readonly positionals: readonly string[];
}

export interface CommandLine {
  readonly flags: Readonly<Record<string, string>>;
  readonly switches: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

export function readCommandLine(
  words: readonly string[],
  form: CommandForm,
): CommandLine | { readonly problem: string } {
  const optionsOf = (names: readonly string[], type: 'string' | 'boolean') => names.map((name) => [name, { type }]);
  // Not strict: our own checks can name the flag that was probably meant.
  const { tokens, positionals } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...optionsOf(form.flags, 'string'), ...optionsOf(form.switches, 'boolean')]),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const flags = new Map<string, string>();
  const switches = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, value } = token;
    if (switches.has(name) || flags.has(name)) return { problem: `--${name} is given twice` };
    if (form.switches.includes(name)) {
      if (value !== undefined) return { problem: `--${name} takes no value` };
      switches.add(name);
    } else if (form.flags.includes(name)) {
      if (value === undefined) return { problem: `--${name} takes a value: --${name} VALUE` };
      flags.set(name, value);
    } else {
      const word = words[token.index]!.replace(/=.*/s, '');
      const known = [...form.flags, ...form.switches];
      return { problem: `unknown flag ${word}${suggestionFor(word.replace(/^--?/, ''), known, '--')}` };
    }
  }
  if (positionals.length > form.positionals.length) {
    return { problem: `unexpected argument ${JSON.stringify(positionals[form.positionals.length])}` };
  }
  return { flags: Object.fromEntries(flags), switches, positionals };
}

/** `; did you mean …?`, or nothing. */
export function suggestionFor(name: string, names: readonly string[], lead = ''): string {
  const suggestion = nearest(name, names);
  return suggestion === undefined ? '' : `; did you mean ${lead}${suggestion}?`;
}

/**
 * Reads `command positional… --flag value --flag=value --switch`. What is not known is refused, with the name that was
 * probably meant.
 */
import { nearest } from '../configuration/suggestion.ts';

/** What a command understands beside the settings. */
export interface CommandForm {
  /** Flags that take a value. */
  readonly flags: readonly string[];
  /** Flags that take none. */
  readonly switches: readonly string[];
  /** The words it takes after its name, as they are called in its help. */
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
  const flags = new Map<string, string>();
  const switches = new Set<string>();
  const positionals: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (!word.startsWith('-')) {
      positionals.push(word);
      continue;
    }
    const [, name, value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) as unknown as [string, string, string | undefined];
    if (switches.has(name) || flags.has(name)) return { problem: `--${name} is given twice` };
    if (form.switches.includes(name)) {
      if (value !== undefined) return { problem: `--${name} takes no value` };
      switches.add(name);
    } else if (form.flags.includes(name)) {
      const given = value ?? words[++at];
      if (given === undefined) return { problem: `--${name} takes a value: --${name} VALUE` };
      flags.set(name, given);
    } else {
      return { problem: `there is no --${name}${meant(name, [...form.flags, ...form.switches], '--')}` };
    }
  }
  if (positionals.length > form.positionals.length) {
    return { problem: `${JSON.stringify(positionals[form.positionals.length])} is not understood here` };
  }
  return { flags: Object.fromEntries(flags), switches, positionals };
}

/** `; did you mean …?`, or nothing. */
export function meant(name: string, names: readonly string[], lead = ''): string {
  const suggestion = nearest(name, names);
  return suggestion === undefined ? '' : `; did you mean ${lead}${suggestion}?`;
}

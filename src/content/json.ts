/**
 * JSON that a client sent. The depth is checked before parsing: a deeply nested value could not be walked or printed
 * safely afterwards.
 */

/** How many levels are read. Kong's parser has the same limit. */
const deepest = 1000;

/** `undefined`: the text is not JSON, or nested too deeply. */
export function readJson(text: string): { readonly value: unknown } | undefined {
  if (isDeeperThan(deepest, text)) return undefined;
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** The members of a JSON object; `__proto__` is a member like any other. `undefined`: the text is not a JSON object. */
export function readJsonObject(text: string): Map<string, unknown> | undefined {
  const value = readJson(text)?.value;
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : undefined;
}

/**
 * The members of a JSON object, each as the text that was sent: "implementations that use IEEE 754 [...] will approximate
 * JSON numbers" (RFC 8259 §6), and a member that is not edited must not be rounded. `undefined`: the text is not a JSON
 * object. Of two members of one name the last one counts, as in `JSON.parse`.
 */
export function readJsonMembers(text: string): Map<string, string> | undefined {
  if (readJsonObject(text) === undefined) return undefined;
  const members = new Map<string, string>();
  // The text is valid JSON, so only the ends of strings and the depth have to be found.
  for (let at = text.indexOf('{') + 1; ; ) {
    const nameAt = text.indexOf('"', at);
    if (nameAt === -1) return members;
    const nameEnd = endOfString(text, nameAt);
    const valueAt = text.indexOf(':', nameEnd) + 1;
    const valueEnd = endOfValue(text, valueAt);
    members.set(JSON.parse(text.slice(nameAt, nameEnd)), text.slice(valueAt, valueEnd).trim());
    at = valueEnd + 1;
  }
}

/** `members`: texts of JSON, by name. */
export function printJsonMembers(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** The index after the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    const character = text.charCodeAt(i);
    if (character === 0x5c) i++;
    else if (character === 0x22) return i + 1;
  }
}

/** The index of the comma or brace after the value that begins at `at`. */
function endOfValue(text: string, at: number): number {
  let depth = 0;
  for (let i = at; ; i++) {
    const character = text.charCodeAt(i);
    if (character === 0x22) i = endOfString(text, i) - 1;
    else if (character === 0x7b || character === 0x5b) depth++;
    else if (depth > 0 && (character === 0x7d || character === 0x5d)) depth--;
    else if (depth === 0 && (character === 0x2c || character === 0x7d)) return i;
  }
}

function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (isInString) {
      if (character === 0x5c) i++;
      else if (character === 0x22) isInString = false;
    } else if (character === 0x22) isInString = true;
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > limit) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

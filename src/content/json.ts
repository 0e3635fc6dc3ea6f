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

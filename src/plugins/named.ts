/** Things with names that a plugin can edit: headers, parameters of a query, fields of a body. */
import { type FormField, formField, printForm, renamedField } from '../content/form.ts';
import { printJsonMembers } from '../content/json.ts';

export interface Named<Value> {
  has(name: string): boolean;
  remove(name: string): void;
  /** Only for a name that is there. Replaces what has the new name. */
  rename(from: string, to: string): void;
  /** Replaces everything of that name. */
  set(name: string, value: Value): void;
  /** Keeps what has that name already. */
  append(name: string, value: Value): void;
}

export interface Printed<Text> extends Named<string> {
  print(): Text;
}

/** Over a list in which a name may be there several times. */
export function listNamed<Item extends { readonly name: string | undefined }>(
  items: readonly Item[],
  make: (name: string, value: string) => Item,
  renamed: (item: Item, name: string) => Item,
): { readonly named: Named<string>; readonly all: () => readonly Item[] } {
  let all = items;
  const others = (name: string): readonly Item[] => all.filter((item) => item.name !== name);
  const named: Named<string> = {
    has: (name) => all.some((item) => item.name === name),
    remove(name) {
      all = others(name);
    },
    rename(from, to) {
      all = others(to).map((item) => (item.name === from ? renamed(item, to) : item));
    },
    set(name, value) {
      all = [...others(name), make(name, value)];
    },
    append(name, value) {
      all = [...all, make(name, value)];
    },
  };
  return { named, all: () => all };
}

/** Over a query or a form body. */
export function formNamed(fields: readonly FormField[]): Printed<string> {
  const { named, all } = listNamed(fields, formField, renamedField);
  return { ...named, print: () => printForm(all()) };
}

/** Over the members of a JSON object. Values are texts of JSON. A second value makes a list. */
export function jsonNamed(members: Map<string, string>): Printed<string> {
  return {
    has: (name) => members.has(name),
    remove: (name) => void members.delete(name),
    rename(from, to) {
      const value = members.get(from)!;
      members.delete(from);
      members.set(to, value);
    },
    set: (name, value) => void members.set(name, value),
    append: (name, value) => void members.set(name, appended(members.get(name), value)),
    print: () => printJsonMembers(members),
  };
}

function appended(before: string | undefined, value: string): string {
  if (before === undefined) return `[${value}]`;
  if (!before.startsWith('[')) return `[${before},${value}]`;
  const items = before.slice(0, -1).trimEnd();
  return items === '[' ? `[${value}]` : `${items},${value}]`;
}

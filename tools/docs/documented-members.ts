/** The members of an interface with the comments above them, read from its source file. */
import { readFileSync } from 'node:fs';

export interface DocumentedMember {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

export function documentedMembers(file: string, interfaceName: string): readonly DocumentedMember[] {
  const source = readFileSync(file, 'utf8');
  const body = new RegExp(`export interface ${interfaceName}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`${file} has no interface ${interfaceName}`);
  const members = body.matchAll(/(?:\/\*\*([\s\S]*?)\*\/\s*)?readonly (\w+)\??: ([^;]+);/g);
  return [...members].map(([, comment = '', name, type]) => ({
    name: name!,
    type: type!,
    comment: comment
      .replace(/^\s*\* ?/gm, '')
      .replace(/\s+/g, ' ')
      .trim(),
  }));
}

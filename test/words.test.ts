/** The project uses the field's words, and no dialect of its own: `test/words.ts` lists what stays out. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { banned } from './words.ts';

const root = join(import.meta.dirname, '..');
const listed = new Set(['test/words.ts', 'test/words.test.ts']);
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => /\.(?:ts|js|md|sh)$/.test(path) || path === '.ci/run')
  .filter((path) => !listed.has(path) && !path.startsWith('test/conformance/kong/golden'));

/** Quotations of a specification keep its words, and so do texts of Kong's. */
const quotations = /"[^"]{20,}?"(?=[^"\n]{0,40}\((?:RFC|OpenID|OWASP))/g;

describe('The words of the project', () => {
  for (const [folder, paths] of Map.groupBy(files, folderOf)) {
    it(folder, () => {
      const found = paths.flatMap((path) => bannedIn(textOf(path)).map((at) => `${path}:${at}`));
      expect(found).to.deep.equal([]);
    });
  }

  it('the search finds words, parts of identifiers, and words over the end of a line', () => {
    expect(bannedIn('const diesAt = 1;')).to.deep.equal(['1 dies: expires, is deleted']);
    expect(bannedIn('// what is in\n// force')).to.deep.equal(['1 in force: is active, is valid']);
    expect(bannedIn('/** A deadline. */ const unspentable = "deadlock";')).to.deep.equal([]);
    expect(bannedIn("{ keepAlive: true } // Connection: keep-alive, 'keepalive'")).to.deep.equal([]);
    expect(bannedIn('// "what lives as long as the grant lives on" (RFC 9999 §1)')).to.deep.equal([]);
  });
});

/** The changelog names former identifiers, in backticks. */
function textOf(path: string): string {
  const text = readFileSync(join(root, path), 'utf8');
  return path === 'CHANGELOG.md' ? text.replace(/`[^`\n]*`/g, '') : text;
}

function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : parts.length === 2 ? parts[0]! : 'the root folder';
}

/** Line and word of each find. */
function bannedIn(text: string): string[] {
  const quoted = text.replace(quotations, (quotation) => quotation.replace(/[^\n]/g, ' '));
  const words = quoted
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    // The header field and the option of sockets have this name (RFC 9110 §7.6.1).
    .replace(/keep.alive/g, 'keep-keeps');
  return banned.flatMap(({ word, instead }) => {
    const pattern = new RegExp(`(?<![a-z])${word.replaceAll(' ', '(?: |\\s*\\n[\\s*/#>]*)')}(?![a-z])`, 'g');
    return [...words.matchAll(pattern)].map(
      ({ index }) => `${words.slice(0, index).split('\n').length} ${word}: ${instead}`,
    );
  });
}

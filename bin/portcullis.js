#!/usr/bin/env node
/*
 * The command `portcullis`. In words that any Node understands, up to the point where its version is known to do:
 * 22.18 is the first that runs TypeScript as it is. In a checkout the sources are run, in a package what was built.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error(
    'portcullis needs Node 22.18 or newer; this is Node ' +
      process.versions.node +
      '.\nIn a checkout, `npm ci` brings the right one along: use npm start, npm run demo, npm test.\n' +
      'Elsewhere: https://nodejs.org/en/download, or `npx node@26 ' +
      fileURLToPath(import.meta.url) +
      '`.',
  );
  process.exit(1);
}

var sources = new URL('../adapters/cli/main.ts', import.meta.url);
var built = new URL('../dist/adapters/cli/main.js', import.meta.url);
import((existsSync(sources) ? sources : built).href).then((command) => command.runCommand());

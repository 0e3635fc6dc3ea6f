#!/usr/bin/env node
/*
 * The command `portcullis`. Uses only syntax of old Node versions, to report that Node 22.18 is needed, the first version
 * that runs TypeScript without a build. A checkout runs its sources, a package its build.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error(
    'portcullis needs Node 22.18 or newer; this is Node ' +
      process.versions.node +
      '.\nIn a checkout, `npm ci` installs the right one: use npm start, npm run demo, npm test.\n' +
      'Elsewhere: https://nodejs.org/en/download, or `npx node@26 ' +
      fileURLToPath(import.meta.url) +
      '`.',
  );
  process.exit(1);
}

var sources = new URL('../adapters/cli/main.ts', import.meta.url);
var built = new URL('../dist/adapters/cli/main.js', import.meta.url);
import((existsSync(sources) ? sources : built).href).then((command) => command.runCommand());

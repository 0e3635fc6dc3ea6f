#!/bin/sh
//usr/bin/env true; exec node --inspect-port=192.0.2.1:9229 "$0" "$@"
// A shell runs the line above, for JavaScript it is a comment. SIGUSR1 would open Node's debugger, which shows the master
// key to everyone who can connect to it. At an address that no machine has (RFC 5737) it cannot open. With
// --disable-sigusr1 instead, Node would never deliver the signal, and the log file could not be opened again.

/*
 * The command `portcullis`. Uses only syntax of old Node versions, to report that Node 22.18 is needed, the first version
 * that runs TypeScript without a build. A checkout runs its sources, a package its build.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// A gate handles these signals later (adapters/cli/signals.ts). Until then they must not end it.
if (/^(start|demo|protect)$/.test(process.argv[2] || '')) {
  ['SIGHUP', 'SIGUSR1', 'SIGUSR2'].forEach((signal) => {
    process.on(signal, () => {});
  });
}

// Started as `node bin/portcullis.js`: the same process begins again with the option, unless a debugger is wanted.
var options = process.execArgv.concat((process.env.NODE_OPTIONS || '').split(' '));
if (
  !options.some((option) => /^--(inspect|disable-sigusr1)/.test(option)) &&
  process.execve !== undefined &&
  process.channel === undefined &&
  process.platform !== 'win32'
) {
  process.execve(
    process.execPath,
    [process.argv0, '--inspect-port=192.0.2.1:9229'].concat(process.execArgv, process.argv.slice(1)),
    process.env,
  );
}

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

#!/usr/bin/env node
// Starts the command of @sonde/cli. That is a package of its own, because a program that fires probes
// does not need it.
'use strict';

const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');

/** The code that @sonde/cli itself uses when a part is missing (docs/command.md). */
const MISSING = 4;

// It is not written as one text, because bundlers would take that for a dependency.
const MANIFEST = ['@sonde/cli', 'package.json'].join('/');

/** Looks where the command was typed, as Node.js looks for packages there, and then beside sonde. */
function findManifest() {
  for (const folder of [() => process.cwd(), () => __dirname]) {
    try {
      return require.resolve(MANIFEST, { paths: [folder()] });
    } catch {
      // It is not there, or the folder is gone.
    }
  }
  return undefined;
}

const manifest = findManifest();
if (manifest === undefined) {
  process.stderr.write(
    'sonde: the command is in the package @sonde/cli, which is not installed here: npm install --save-dev @sonde/cli\n' +
      'sonde: to run it without installing it: npx @sonde/cli --help\n',
  );
  process.exitCode = MISSING;
} else {
  import(pathToFileURL(join(dirname(manifest), require(manifest).bin.sonde)).href);
}

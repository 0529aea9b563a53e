// The addon, and what its build was configured for. CommonJS, and reached by its name (@sonde/native/addon) from wherever
// the TypeScript ends up: other packages inline that, but the addon lies here.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

exports.load = () => {
  try {
    // Where node-gyp-build looks first too; but it takes longer to look than the addon takes to load.
    return require('./build/Release/sonde.node');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return require('node-gyp-build')(__dirname);
  }
};

/** `auto` or the name of a backend, as binding.gyp wrote it down. */
exports.buildDefault = () => {
  try {
    // Not by require, which takes ten times as long for so little.
    return JSON.parse(readFileSync(join(__dirname, 'build/Release/backend.json'), 'utf8'));
  } catch {
    // Not compiled here, so not configured here either.
    return 'auto';
  }
};

#!/usr/bin/env node
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BACKENDS, type BuildBackend, type BuildError, build, FAILED, findAddon } from './index.js';

const HELP = `sonde-compile: compiles sonde's addon into the @sonde/native of the program in this folder

  npx @sonde/compile [--backend=NAME] [--optional] [--quiet]

  --backend=NAME  auto (unless npm_config_sonde_backend says another), dtrace, systemtap, ebpf or noop. It is
                  remembered as the default at run time; all but auto leave the other backends out.
                  noop compiles nothing and needs no compiler.
  --optional      says nothing when it fails, and ends with status 0: sonde then does nothing, and its
                  status() tells why. For "postinstall" in an application's package.json.
  --quiet         says nothing unless it fails
  --help          this text

It needs what node-gyp needs: Python, make, and a C++ compiler. Where an addon is prebuilt (Linux and macOS
on x64 and arm64) nothing has to be compiled.

  status 0  the addon is there (or --optional)
  status 1  it cannot be compiled; what was there before is there still
  status 2  an option is wrong
`;

main();

function main(): void {
  const options = readOptions();
  if (options.help) {
    console.log(HELP);
    return;
  }
  try {
    const path = build({ backend: options.backend, from: process.cwd(), verbose: !options.quiet && !options.optional });
    if (!options.quiet && !options.optional) console.log(`sonde-compile: for ${options.backend}: ${path}`);
  } catch (error) {
    const { message, output = '' } = error as BuildError;
    if (options.optional) {
      remember(`${message}\n${output}`);
      return;
    }
    process.stderr.write(output);
    console.error(`sonde-compile: ${message}`);
    process.exitCode = 1;
  }
}

/** For status() to name. */
function remember(why: string): void {
  try {
    const path = join(findAddon(process.cwd()), FAILED);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, why);
  } catch {
    // Nothing is installed, or nothing can be written: there is nobody to tell.
  }
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        backend: { type: 'string', default: process.env.npm_config_sonde_backend || 'auto' },
        optional: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return { ...values, backend: checkBackend(values.backend) };
  } catch (error) {
    console.error(`sonde-compile: ${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function checkBackend(name: string): BuildBackend {
  if (BACKENDS.includes(name as BuildBackend)) return name as BuildBackend;
  throw new Error(
    `the backend is ${JSON.stringify(name)} (--backend or npm_config_sonde_backend); it must be ${BACKENDS.join(', ')}`,
  );
}

// The package managers, and how each is told that what it would fetch of sonde lies here, in
// tarballs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from 'mocha';
import { type NodeLine, needsNode, needsPackage } from '../support/npm-packages.js';
import type { Tarballs } from './tarballs.js';

export interface Manager {
  name: string;
  /** The package it comes in, and the oldest Node.js that it runs on. */
  package: string;
  command: string;
  node: NodeLine;
  /** Files that it reads, with what they hold. */
  files(sonde: Sources): Record<string, string>;
  install(scripts: boolean): string[];
  /** How an application is started: Plug'n'Play must be there before it. */
  start?: string[];
  /** Warnings of its own, whatever is installed. */
  saysAnyway?: RegExp;
}

/**
 * What is installed: what the application names, and by whatever name, what others that it needs
 * are taken from.
 */
interface Sources {
  dependencies: Record<string, string>;
  others: Record<string, string>;
  registry: string;
}

const manifest = (more: object) =>
  JSON.stringify({ name: 'application', version: '1.0.0', private: true, type: 'module', ...more });

const npm = (version: number, node: NodeLine): Manager => ({
  name: `npm ${version}`,
  package: `npm@${version}`,
  command: 'npm',
  node,
  files: ({ dependencies, others }) => ({ 'package.json': manifest({ dependencies, overrides: others }) }),
  install: (scripts) => ['install', '--no-audit', '--no-fund', ...(scripts ? [] : ['--ignore-scripts'])],
});

const pnpm = (version: number, node: NodeLine): Manager => ({
  name: `pnpm ${version}`,
  package: `pnpm@${version}`,
  command: 'pnpm',
  node,
  files: ({ dependencies, others, registry }) => ({
    'package.json': manifest({ dependencies }),
    'pnpm-workspace.yaml': JSON.stringify({ overrides: others }),
    // pnpm 12 does not ask npm's variable for it.
    '.npmrc': `registry=${registry}\n`,
  }),
  install: (scripts) => ['install', ...(scripts ? [] : ['--ignore-scripts'])],
});

const yarn = (linker: 'node-modules' | 'pnp'): Manager => ({
  name: linker === 'pnp' ? "yarn 4, Plug'n'Play" : 'yarn 4',
  package: '@yarnpkg/cli-dist@4',
  command: 'yarn',
  node: 20,
  files: ({ dependencies, others, registry }) => ({
    'package.json': manifest({ dependencies, resolutions: others }),
    'yarn.lock': '',
    '.yarnrc.yml': JSON.stringify({
      nodeLinker: linker,
      npmRegistryServer: registry,
      enableGlobalCache: false,
      enableTelemetry: false,
      unsafeHttpWhitelist: ['*'],
    }),
  }),
  install: (scripts) => ['install', '--no-immutable', ...(scripts ? [] : ['--mode=skip-build'])],
  ...(linker === 'pnp' && {
    saysAnyway: /YN0092: .* ESM support for PnP uses the experimental loader API|YN0000: · Done with warnings/g,
    start: ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs', '--no-warnings'],
  }),
});

export const managers: Manager[] = [
  npm(10, 20),
  npm(11, 20),
  npm(12, 24),
  pnpm(10, 20),
  pnpm(12, 24),
  yarn('node-modules'),
  yarn('pnp'),
];

export interface Installed {
  status: number | null;
  output: string;
  seconds: number;
}

/** Installs an application that depends on `sonde`: see {@link installFiles}. */
export function install(
  context: Context,
  manager: Manager,
  folder: string,
  tarballs: Tarballs,
  scripts: boolean,
): Installed {
  const registry = registryOfNpm();
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, path]) => [name, `file:${path}`]));
  const { sonde, ...others } = files;
  const sources = { dependencies: { sonde: sonde! }, others, registry };
  return installFiles(context, manager, folder, sources, scripts);
}

/**
 * Installs an application in a folder of its own, on a machine with Node.js and a shell, and no
 * compiler, Python or node-gyp.
 */
export function installFiles(
  context: Context,
  manager: Manager,
  folder: string,
  sources: Sources,
  scripts: boolean,
): Installed {
  for (const [name, content] of Object.entries(manager.files(sources))) writeFileSync(join(folder, name), content);
  const started = process.hrtime.bigint();
  const command = realpathSync(needsPackage(context, manager.package, `.bin/${manager.command}`));
  const { status, stdout, stderr } = spawnSync(command, manager.install(scripts), {
    cwd: folder,
    encoding: 'utf8',
    env: bareMachine(needsNode(context, manager.node), folder, sources.registry),
  });
  return {
    status,
    output: `${stdout ?? ''}${stderr ?? ''}`,
    seconds: Number(process.hrtime.bigint() - started) / 1e9,
  };
}

function bareMachine(node: string, folder: string, registry: string): NodeJS.ProcessEnv {
  const programs = mkdtempSync(join(dirname(folder), 'programs-'));
  const commands = { node, sh: '/bin/sh', env: '/usr/bin/env' };
  for (const [name, path] of Object.entries(commands)) symlinkSync(path, join(programs, name));
  // How this machine comes to the registry, if it is not simply there.
  const network = Object.entries(process.env).filter(([name]) => /proxy$|^SSL_CERT|^NODE_EXTRA_CA/i.test(name));
  return {
    ...Object.fromEntries(network),
    PATH: programs,
    HOME: dirname(folder),
    CI: 'true',
    npm_config_registry: registry,
    npm_config_cache: join(dirname(folder), 'npm-cache'),
    npm_config_update_notifier: 'false',
    npm_config_globalconfig: join(dirname(folder), 'no-npmrc'),
  };
}

let registry: string | undefined;

/** Where packages come from on this machine. */
export function registryOfNpm(): string {
  registry ??= spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();
  return registry;
}

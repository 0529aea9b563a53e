// The packages as they are published: packed, and where a test wants to know what happens without
// them, without prebuilt addons.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The paths of the tarballs, by the packages' names. */
export type Tarballs = Readonly<Record<string, string>>;

/** The names of all packages. */
export function packageNames(): string[] {
  return manifests().map(({ name }) => name);
}

function manifests(): { name: string; version: string }[] {
  return readdirSync(join(root, 'packages')).map((folder) =>
    JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
  );
}

let packed: Tarballs | undefined;

/** Packs every package, once for all tests of a run. */
export function packAll(): Tarballs {
  packed ??= pack();
  return packed;
}

/** With pnpm, which writes the versions of the others into a package. */
function pack(): Tarballs {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'sonde-tarballs-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  execFileSync(
    'npm',
    [
      ...['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', '--recursive', '--filter', './packages/*'],
      ...['pack', '--pack-destination', folder],
    ],
    { cwd: root, stdio: 'pipe' },
  );
  return Object.fromEntries(
    manifests().map(({ name, version }) => [
      name,
      join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`),
    ]),
  );
}

/**
 * The same, but that @sonde/native has no prebuilt addons, as on a system that there are none for.
 */
export function withoutPrebuilds(tarballs: Tarballs, folder: string): Tarballs {
  const native = '@sonde/native';
  const tarball = join(folder, 'native-without-prebuilds.tgz');
  const unpacked = mkdtempSync(join(folder, 'unpacked-'));
  execFileSync('tar', ['-xzf', tarballs[native]!, '-C', unpacked]);
  rmSync(join(unpacked, 'package/addon/prebuilds'), { recursive: true });
  execFileSync('tar', ['-czf', tarball, '-C', unpacked, 'package']);
  return { ...tarballs, [native]: tarball };
}

/**
 * The packages' files, unpacked where Node.js finds them from `folder`, with no package manager.
 */
export function unpackInto(folder: string, tarballs: Tarballs, thirdParty: readonly string[] = []): void {
  for (const [name, tarball] of Object.entries(tarballs)) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(place, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
  }
  for (const name of thirdParty) {
    cpSync(join(root, 'packages/sonde/node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
      dereference: true,
    });
  }
}

// Publishes all packages, but not before every prebuilt addon was looked at: packages would be
// taken by npm without them, too. Not a `prepublishOnly`, which .npmrc's ignore-scripts leaves out.
//
//   npm run release [-- OPTION…]
//     OPTION  for `pnpm publish`: --dry-run
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));

// Under CI=true, nothing is left out for want of a tool.
run(['run', 'suite', '--', 'prebuilt'], { CI: 'true' });
run([
  ...['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', '--recursive', '--filter', './packages/*'],
  ...['publish', ...process.argv.slice(2)],
]);

function run(parameters, environment = {}) {
  const env = { ...process.env, ...environment };
  const { status } = spawnSync('npm', parameters, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) process.exit(status ?? 1);
}

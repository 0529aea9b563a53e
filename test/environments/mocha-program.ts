// Runs files of tests where mocha's own command does not start. What `--enable-source-maps` and the
// like would be is the runtime's.
import * as imported from 'mocha';

// Bun gives CommonJS with an `__esModule` in another way.
const Mocha = ('default' in imported ? imported.default : imported) as unknown as new (
  options: object,
) => import('mocha');
const [, , ...files] = process.argv;
const mocha = new Mocha({ timeout: 60_000, color: false });
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
mocha.run((failures) => process.exit(failures > 0 ? 1 : 0));

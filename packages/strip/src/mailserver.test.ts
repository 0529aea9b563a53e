import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLERS } from './test-bundlers.js';

const SOURCE = fileURLToPath(new URL('../../../examples/mailserver/src/', import.meta.url));

/**
 * The server as somebody writes it who has no probes: what is in it for their sake, and what stands
 * there without. It may ask for `status()` all the same.
 */
const WITHOUT_PROBES: readonly (readonly [string, string])[] = [
  ["import { smtp } from './probes.js';\n", ''],
  ['      smtp.sessionStart.fire(session.remoteAddress, session.remotePort);\n', ''],
  ['      smtp.recipient.fireWith(() => [address, domainOf(address)]);\n', ''],
  ['      smtp.sessionDone.fire(session.remoteAddress, session.remotePort, bytes, mails);\n', ''],
  ['    return smtp.delivery.run(\n      [recipient, domain],\n      async () => {\n', ''],
  ['      },\n      (bytes) => [domain, bytes],\n    );\n', ''],
  ['    smtp.put.fire(key);\n', ''],
  [
    'smtp.store.run([key, value.length], () => database.put(key, value, { sync }))',
    'database.put(key, value, { sync })',
  ],
];

describe('the mail server without its probes is the mail server that never had any', () => {
  let folder: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'strip-')));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    it(name, async function () {
      this.timeout(60_000);
      const root = join(folder, name);
      const entries = { server: 'server.ts', client: 'client.ts' };
      cpSync(SOURCE, root, { recursive: true });
      const made = await bundle(root, entries, {});

      rmSync(join(root, 'probes.ts'));
      writeFileSync(join(root, 'server.ts'), withoutProbes(readFileSync(join(root, 'server.ts'), 'utf8')));
      const wanted = await bundle(root, entries, {});

      assert.deepEqual(made, { code: wanted.code, warnings: [] });
      assert.match(made.code.server!, /SMTPServer/);
      assert.doesNotMatch(Object.values(made.code).join(), /["'`]sonde["'`]|sessionStart|provider\(/);
    });
  }
});

function withoutProbes(code: string): string {
  return WITHOUT_PROBES.reduce((text, [probes, without]) => {
    assert.equal(text.split(probes).length, 2, `the server has changed, and this is to follow: ${probes}`);
    return text.replace(probes, () => without);
  }, code);
}

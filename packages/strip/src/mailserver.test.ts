import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLERS } from './test-bundlers.js';

const SOURCE = fileURLToPath(new URL('../../../examples/mailserver/src/', import.meta.url));

/** The server as somebody writes it who has never heard of probes: what is in it for their sake, and what stands there without. */
const WITHOUT_PROBES: readonly (readonly [string, string])[] = [
  ["import { status } from 'sonde';\n", ''],
  ["import { smtp } from './probes.js';\n", ''],
  ['      smtp.sessionStart.fire(session.remoteAddress, session.remotePort);\n', ''],
  [
    `      // Finding the domain costs something: the function is called only while a tracer looks.
      smtp.recipient.fireWith(() => [address, domainOf(address)]);
`,
    '',
  ],
  ['      smtp.sessionDone.fire(session.remoteAddress, session.remotePort, bytes, mails);\n', ''],
  [
    `    return smtp.delivery.run(
      [recipient, domain],
      async () => {
        const { compress, durable } = POLICIES.get(domain) ?? {};
        const copy = Buffer.concat([Buffer.from(\`Delivered-To: \${recipient}\\r\\n\`), mail]);
        return write(\`\${recipient}/\${id}\`, compress ? await promisify(gzip)(copy) : copy, durable === true);
      },
      (bytes) => [domain, bytes],
    );
`,
    `    const { compress, durable } = POLICIES.get(domain) ?? {};
    const copy = Buffer.concat([Buffer.from(\`Delivered-To: \${recipient}\\r\\n\`), mail]);
    return write(\`\${recipient}/\${id}\`, compress ? await promisify(gzip)(copy) : copy, durable === true);
`,
  ],
  ['    smtp.put.fire(key);\n', ''],
  [
    'smtp.store.run([key, value.length], () => database.put(key, value, { sync }))',
    'database.put(key, value, { sync })',
  ],
  // It says where its probes are. Without any it has nothing to ask, and says so.
  [
    'const { backend, reason, providers } = status();',
    "const { backend, reason, providers } = { backend: 'noop', requested: 'noop', reason: 'the probes were removed by @sonde/strip', providers: [] };",
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
      // What webpack and Rspack number modules by has their loaders in it, so that both bundles must have this one.
      const wanted = await bundle(root, entries, name === 'webpack' || name === 'Rspack' ? {} : false);

      assert.deepEqual(made.warnings, wanted.warnings);
      assert.deepEqual(Object.keys(made.code).sort(), Object.keys(wanted.code).sort());
      for (const [chunk, code] of Object.entries(made.code)) assert.equal(code, wanted.code[chunk]);
      assert.match(made.code.server!, /SMTPServer/);
    });
  }
});

function withoutProbes(code: string): string {
  return WITHOUT_PROBES.reduce((text, [probes, without]) => {
    assert.equal(text.split(probes).length, 2, `the server has changed, and this is to follow: ${probes}`);
    return text.replace(probes, () => without);
  }, code);
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from './backend.js';
import { SondeError } from './errors.js';
import { applicationManifest, type Settings, selectBackend } from './selection.js';

const backend: Backend = { load: () => ({ code: new Uint8Array(1), probes: [], unload() {} }) };
const table = { systemtap: () => backend, noop: () => backend };
const broken = {
  ...table,
  systemtap: () => {
    throw new Error('no addon');
  },
};

function select(
  settings: Partial<Omit<Settings, 'manifest' | 'buildDefault'>> & { manifest?: unknown; buildDefault?: string } = {},
  from = table,
) {
  const { manifest, buildDefault = 'auto', ...others } = settings;
  const { backend, requested, reason } = selectBackend(from, {
    buildDefault: () => buildDefault,
    env: {},
    platform: 'linux',
    manifest: manifest === undefined ? undefined : { path: '/app/package.json', text: JSON.stringify(manifest) },
    ...others,
  });
  return { backend, requested, ...(reason !== undefined && { reason }) };
}

describe('selection of a backend', () => {
  it('is automatic by platform', () => {
    assert.deepEqual(select(), { backend: 'systemtap', requested: 'auto' });
    assert.deepEqual(select({ platform: 'win32' }), { backend: 'noop', requested: 'auto' });
    for (const platform of ['sunos', 'darwin', 'freebsd'] as const) {
      assert.deepEqual(select({ platform }), {
        backend: 'noop',
        requested: 'auto',
        reason: 'dtrace cannot run: this build of sonde has no dtrace backend, only systemtap, noop',
      });
    }
  });

  it('lets the later setting win: build, package.json, environment', () => {
    assert.equal(select({ buildDefault: 'noop' }).requested, 'noop');
    assert.equal(select({ buildDefault: 'ebpf', manifest: { sonde: { backend: 'noop' } } }).requested, 'noop');
    assert.equal(
      select({ manifest: { sonde: { backend: 'systemtap' } }, env: { SONDE_BACKEND: 'noop' } }).requested,
      'noop',
    );
    assert.equal(select({ buildDefault: 'noop', manifest: { name: 'app', sonde: {} } }).requested, 'noop');
    assert.equal(select({ buildDefault: 'noop', env: { SONDE_BACKEND: '' } }).requested, 'noop');
  });

  it('brings nothing back that the build left out', () => {
    assert.deepEqual(select({ buildDefault: 'ebpf', env: { SONDE_BACKEND: 'systemtap' } }), {
      backend: 'noop',
      requested: 'systemtap',
      reason:
        'systemtap cannot run: sonde was built for ebpf alone, and systemtap was left out: npx @sonde/compile makes it anew',
    });
    assert.match(select({ buildDefault: 'noop', env: { SONDE_BACKEND: 'auto' } }).reason!, /built for noop alone/);
    assert.deepEqual(select({ buildDefault: 'systemtap', env: { SONDE_BACKEND: 'auto' }, platform: 'freebsd' }), {
      backend: 'systemtap',
      requested: 'auto',
    });
  });

  it('does so in every combination of them', () => {
    const values = [undefined, '', 'auto', 'systemtap', 'ebpf', 'noop', 'nonsense'];
    const all = { systemtap: () => backend, ebpf: () => backend, noop: () => backend };
    const means = (value: string | undefined) => value !== undefined && value !== '' && value !== 'nonsense';
    for (const build of ['auto', 'systemtap', 'ebpf', 'noop', 'nonsense']) {
      for (const manifest of values) {
        for (const env of values) {
          const chosen = select(
            {
              buildDefault: build,
              ...(manifest !== undefined && { manifest: { sonde: { backend: manifest } } }),
              env: { SONDE_BACKEND: env },
            },
            all,
          );
          const requested = [env, manifest, build].find(means) ?? 'auto';
          const isOne = build !== 'auto' && build !== 'nonsense';
          const wanted = requested === 'auto' ? (isOne && build !== 'noop' ? build : 'systemtap') : requested;
          const what = JSON.stringify({ build, manifest, env });
          assert.equal(chosen.requested, requested, what);
          assert.equal(chosen.backend, isOne && build !== wanted ? 'noop' : wanted, what);
          // Whoever was asked and said nonsense is named.
          const asked = means(env) ? [env] : means(manifest) ? [env, manifest] : [env, manifest, build];
          const isNonsense = asked.includes('nonsense') || (!means(env) && manifest === '');
          const isLeftOut = wanted !== 'noop' && isOne && build !== wanted;
          assert.equal(chosen.reason !== undefined, isNonsense || isLeftOut, `${what}: ${chosen.reason}`);
        }
      }
    }
  });

  it('passes over what means nothing, and says so', () => {
    assert.deepEqual(select({ env: { SONDE_BACKEND: 'dtrac' }, manifest: { sonde: { backend: 'noop' } } }), {
      backend: 'noop',
      requested: 'noop',
      reason: 'SONDE_BACKEND is "dtrac"; it must be auto, dtrace, systemtap, ebpf, noop, or unset',
    });
    assert.match(select({ manifest: { sonde: { backend: 7 } } }).reason!, /sonde.backend in \/app\/package.json is 7;/);
    assert.match(
      select({ manifest: { sonde: 'noop' } }).reason!,
      /sonde in \/app\/package.json is "noop"; it must be an object/,
    );
    assert.match(select({ buildDefault: 'none' }).reason!, /built for is "none"/);
    assert.match(select({ env: { SONDE_REQUIRE: 'yes' } }).reason!, /SONDE_REQUIRE is "yes"; it must be 1 or 0/);
  });

  it('falls back to noop with the reason', () => {
    assert.deepEqual(select({}, broken), {
      backend: 'noop',
      requested: 'auto',
      reason: 'systemtap cannot run: no addon',
    });
    assert.deepEqual(select({ env: { SONDE_BACKEND: 'systemtap' } }, broken), {
      backend: 'noop',
      requested: 'systemtap',
      reason: 'systemtap cannot run: no addon',
    });
  });

  it('throws under SONDE_REQUIRE=1 what it would fall back from, unless the choice was automatic', () => {
    const throws = (code: string, message: RegExp, env: Settings['env'], from = table) =>
      assert.throws(
        () => select({ env: { SONDE_REQUIRE: '1', ...env } }, from),
        (error: SondeError) => {
          assert.ok(error instanceof SondeError);
          assert.equal(error.code, code);
          assert.match(error.message, message);
          return true;
        },
      );
    throws('SONDE_BACKEND', /systemtap cannot run: no addon/, { SONDE_BACKEND: 'systemtap' }, broken);
    throws('SONDE_BACKEND', /no ebpf backend/, { SONDE_BACKEND: 'ebpf' });
    throws('SONDE_CONFIG', /SONDE_BACKEND is "nonsense"/, { SONDE_BACKEND: 'nonsense' });
    assert.equal(select({ env: { SONDE_REQUIRE: '1' } }, broken).backend, 'noop');
    assert.equal(select({ env: { SONDE_REQUIRE: '0', SONDE_BACKEND: 'systemtap' } }, broken).backend, 'noop');
  });

  it('reads the nearest package.json above the main file, links resolved, or above the working directory where there is none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-manifest-'));
    try {
      mkdirSync(join(folder, 'app/bin'), { recursive: true });
      writeFileSync(join(folder, 'package.json'), '{"name":"outer"}');
      writeFileSync(join(folder, 'app/package.json'), '{"name":"app"}');
      writeFileSync(join(folder, 'app/bin/main.js'), '');
      symlinkSync(join(folder, 'app/bin/main.js'), join(folder, 'main'));
      assert.equal(applicationManifest(join(folder, 'app/bin/main.js'))?.text, '{"name":"app"}');
      assert.equal(applicationManifest(join(folder, 'main'))?.text, '{"name":"app"}');
      assert.equal(applicationManifest(join(folder, 'not-there.js')), undefined);
      assert.equal(applicationManifest(''), undefined);
      const program = `import { applicationManifest } from ${JSON.stringify(new URL('selection.js', import.meta.url).href)};
        console.log(applicationManifest().text);`;
      const withoutFile = ['--input-type=module', '-e', program];
      const { stdout } = spawnSync(process.execPath, withoutFile, { cwd: join(folder, 'app/bin'), encoding: 'utf8' });
      assert.equal(stdout, '{"name":"app"}\n');
      writeFileSync(join(folder, 'app/package.json'), '{ broken');
      assert.equal(select({ manifest: undefined }).requested, 'auto');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

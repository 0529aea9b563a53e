import assert from 'node:assert/strict';
import { type Tool, toolFindings } from './tools.js';

const said = (tool: Tool, output: string, kernel = '6.1.0-13-amd64') =>
  toolFindings(tool, { output, hasFailed: false }, kernel);

/** As each prints it. */
const VERSIONS: [Tool, string, string][] = [
  ['bpftrace', 'bpftrace v0.17.0\n', '0.17.0'],
  ['bpftrace', 'v0.23.2\n', '0.23.2'],
  ['perf', 'perf version 6.1.192\n', '6.1.192'],
  ['perf', 'perf version 6.9.gabc123\n', '6.9'],
  ['gdb', 'GNU gdb (Debian 13.1-3) 13.1\nCopyright (C) 2023\n', '13.1'],
  ['gdb', 'GNU gdb (Ubuntu 15.0.50.20240403-0ubuntu1) 15.0.50.20240403-git\n', '15.0.50.20240403'],
  ['stap', 'Systemtap translator/driver (version 4.8/0.188, Debian version 4.8-2)\n', '4.8'],
  ['dtrace', 'dtrace: Sun D 2.0\nThis is DTrace 2.0.7\ndtrace(1) version-control ID: x\n', '2.0.7'],
  ['bpftool', 'bpftool v7.1.0\nusing libbpf v1.1\n', '7.1.0'],
];

describe('Versions of tools', () => {
  for (const [tool, output, version] of VERSIONS) {
    it(`${tool} ${version} is read`, () => {
      const [first] = said(tool, output);
      assert.equal(first!.state, 'good');
      assert.ok(first!.fact.startsWith(`${tool} ${version} is installed`), first!.fact);
    });
  }

  it('have the faults of their own and later versions', () => {
    const ids = (version: string) => said('bpftrace', `bpftrace v${version}`).map(({ id }) => id);
    assert.ok(ids('0.16.0').includes('bpftrace-json'));
    assert.ok(ids('0.17.1').includes('bpftrace-json'));
    assert.ok(!ids('0.18.0').includes('bpftrace-json'));
    assert.ok(ids('0.23.5').includes('bpftrace-unsigned'));
    assert.deepEqual(ids('0.24.0'), ['bpftrace']);
    assert.deepEqual(ids('1.0.0'), ['bpftrace']);
  });

  it('of SystemTap fit a kernel or do not', () => {
    const ids = (kernel: string) =>
      said('stap', 'driver (version 4.8)\ntested kernel versions: 2.6.32 ... 6.1.0-rc3\n', kernel).map(({ id }) => id);
    assert.ok(!ids('6.1.50').includes('stap-kernel'));
    assert.ok(ids('6.2.0').includes('stap-kernel'));
    assert.ok(ids('7.0.0').includes('stap-kernel'));
  });

  it('are not those of a script with the name of DTrace, or of what cannot run', () => {
    const usage = 'Usage /usr/bin/dtrace [--help] [-h | -G] [-C [-I<Path>]] -s File.d [-o <File>]\n';
    const [script] = toolFindings('dtrace', { output: usage, hasFailed: true }, '6.1.0');
    assert.match(script!.fact, /script of SystemTap/);
    const [broken] = toolFindings('perf', { output: '\nno perf for this kernel\n', hasFailed: true }, '6.1.0');
    assert.deepEqual([broken!.state, broken!.fact], ['bad', 'perf cannot run: no perf for this kernel']);
    assert.match(toolFindings('perf', undefined, '6.1.0')[0]!.remedy!, /apt install linux-perf/);
  });
});

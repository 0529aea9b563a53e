import assert from 'node:assert/strict';
import { lockdownFinding, perfFinding, ptraceFinding } from './kernel.js';
import type { Capability, Permissions } from './permissions.js';

const having = (...capabilities: Capability[]): Permissions => ({
  uid: 1000,
  capabilities: new Set(capabilities),
  isInitialUserNamespace: true,
  hasSeccompFilter: false,
});

describe('Settings of the kernel', () => {
  it('perf_event_paranoid limits those without CAP_PERFMON', () => {
    const states = ['-1', '0', '1', '2', '3', '4'].map((level) => perfFinding(level, having()).state);
    assert.deepEqual(states, ['good', 'limited', 'limited', 'limited', 'bad', 'bad']);
    assert.equal(perfFinding('4', having('CAP_PERFMON')).state, 'good');
    assert.equal(perfFinding(undefined, having('CAP_PERFMON')).state, 'bad');
    assert.match(perfFinding('3', having()).remedy!, /sysctl kernel\.perf_event_paranoid=2$/);
  });

  it('ptrace_scope limits those without CAP_SYS_PTRACE, and 3 limits everybody', () => {
    const states = [undefined, '0', '1', '2', '3'].map((scope) => ptraceFinding(scope, having()).state);
    assert.deepEqual(states, ['good', 'good', 'limited', 'limited', 'bad']);
    assert.equal(ptraceFinding('2', having('CAP_SYS_PTRACE')).state, 'good');
    assert.equal(ptraceFinding('3', having('CAP_SYS_PTRACE')).state, 'bad');
  });

  it('lockdown forbids tracing only for confidentiality', () => {
    assert.equal(lockdownFinding('[none] integrity confidentiality', true).state, 'good');
    assert.match(lockdownFinding('none [integrity] confidentiality', true).meaning!, /SystemTap/);
    assert.equal(lockdownFinding('none integrity [confidentiality]', true).state, 'bad');
    assert.match(lockdownFinding(undefined, true).fact, /has no lockdown/);
    assert.match(lockdownFinding(undefined, false).meaning!, /securityfs is not mounted/);
  });
});

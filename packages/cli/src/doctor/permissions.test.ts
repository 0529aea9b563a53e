import assert from 'node:assert/strict';
import { permissionFindings, readPermissions } from './permissions.js';

const INITIAL = '         0          0 4294967295';

const status = (uid: number, effective: string, more = '') =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${effective}\n${more}`;

const statesOf = (text: string, uidMap = INITIAL) =>
  Object.fromEntries(permissionFindings(readPermissions(text, uidMap)).map(({ id, state }) => [id, state]));

describe('Permissions', () => {
  it('are all there for root', () => {
    assert.deepEqual(new Set(Object.values(statesOf(status(0, '000001ffffffffff')))), new Set(['good']));
  });

  it('are none for a user', () => {
    assert.deepEqual(statesOf(status(1000, '0000000000000000')), {
      user: 'limited',
      cap_sys_admin: 'bad',
      cap_perfmon: 'bad',
      cap_bpf: 'bad',
      cap_sys_ptrace: 'bad',
    });
  });

  it('are read bit by bit, and CAP_SYS_ADMIN includes two others', () => {
    const only = (bit: bigint) => statesOf(status(1000, (1n << bit).toString(16).padStart(16, '0')));
    assert.equal(only(38n).cap_perfmon, 'good');
    assert.equal(only(38n).cap_bpf, 'bad');
    assert.equal(only(39n).cap_bpf, 'good');
    assert.equal(only(19n).cap_sys_ptrace, 'good');
    assert.deepEqual([only(21n).cap_bpf, only(21n).cap_perfmon, only(21n).cap_sys_ptrace], ['good', 'good', 'bad']);
  });

  it('count for nothing in a user namespace', () => {
    const findings = permissionFindings(readPermissions(status(0, '000001ffffffffff'), '0 100000 65536'));
    assert.equal(findings[0]!.fact, 'This is user 0 of a user namespace');
    assert.deepEqual(new Set(findings.map(({ state }) => state)), new Set(['bad']));
  });

  it('are less under a seccomp filter, and as root of a container', () => {
    const states = statesOf(status(0, '00000000a80425fb', 'Seccomp:\t2\n'));
    assert.deepEqual([states.user, states.seccomp, states.cap_sys_admin], ['limited', 'limited', 'bad']);
  });
});

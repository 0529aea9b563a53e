import assert from 'node:assert/strict';
import type { Probe } from '../model.js';
import { checkNames } from './names.js';

describe('Names in programs', () => {
  const probe: Probe = {
    provider: 'smtp',
    name: 'session__start',
    symbol: undefined,
    offset: 0,
    semaphore: undefined,
    arguments: [],
  };

  it('are names and nothing else', () => {
    checkNames('bpftrace', probe);
    for (const odd of ['', 'a b', 'a"', '$(reboot)', 'a\n{ system("reboot"); }', 'a*/', 'ä']) {
      const [operand, kind, type] = [{ size: 8, float: false, operand: '%rdi' }, 'unsigned', 'uint64'] as const;
      const odds: Probe[] = [
        { ...probe, provider: odd },
        { ...probe, name: odd },
        { ...probe, symbol: odd },
        { ...probe, arguments: [{ name: odd, type, kind, size: 8, operand }] },
      ];
      for (const each of odds)
        assert.throws(() => checkNames('stap', each), /^\S*Error: stap cannot be told of .*is no name/);
    }
  });
});

import assert from 'node:assert/strict';
import { program } from '../program.js';
import { abilities, abilitiesByDtrace } from './subcommands.js';

const NOTHING = {
  isRoot: false,
  canTrace: false,
  canSeeOthers: false,
  hasBpftrace: false,
  hasPerf: false,
  canSample: false,
  hasGdb: false,
  canDebug: false,
};

describe('What doctor says of subcommands', () => {
  it('is something for each that there is', () => {
    const names = program
      .createHelp()
      .visibleCommands(program)
      .map((command) => command.name())
      .filter((name) => name !== 'help');
    assert.deepEqual(
      abilities(names, NOTHING).map(({ name }) => name),
      names,
    );
  });

  it('is what DTrace does, on other systems than Linux', () => {
    const states = (canTrace: boolean) =>
      abilitiesByDtrace(['list', 'count', 'flame', 'script', 'none'], canTrace, false).map(({ state }) => state);
    assert.deepEqual(states(true), ['good', 'good', 'bad', 'good']);
    assert.deepEqual(states(false), ['bad', 'bad', 'bad', 'good']);
  });

  it('names what root would add, but not to root', () => {
    const [list, trace, flame] = abilities(['list', 'trace', 'flame'], { ...NOTHING, hasPerf: true, canSample: true });
    assert.deepEqual([list!.state, trace!.state, flame!.state], ['limited', 'bad', 'limited']);
    for (const { asRoot } of [list!, trace!, flame!]) assert.ok(asRoot);
    const traced = (more: Partial<typeof NOTHING>) => abilities(['count'], { ...NOTHING, ...more })[0]!;
    assert.equal(traced({ canTrace: true, hasGdb: true }).state, 'good');
    assert.deepEqual(
      [traced({ hasGdb: true, canDebug: true }).state, traced({ hasGdb: true }).state],
      ['limited', 'bad'],
    );
    assert.deepEqual(
      abilities(['trace', 'flame'], { ...NOTHING, isRoot: true, hasBpftrace: true }).map(({ state }) => state),
      ['limited', 'limited'],
    );
    const [broken] = abilities(['trace'], { ...NOTHING, isRoot: true });
    assert.equal(broken!.asRoot, undefined);
  });
});

import assert from 'node:assert/strict';
import { parseProcesses } from './find.js';
import { NODE } from './known.js';
import { parseListed } from './listed.js';

const attributes = `
\tProbe Description Attributes
\t\tIdentifier Names: Private
\t\tData Semantics:   Private
\t\tDependency Class: Unknown

\tArgument Attributes
\t\tIdentifier Names: Private
\t\tData Semantics:   Private
\t\tDependency Class: Unknown

\tArgument Types
`;

/** What DTrace for Linux 2.0.7 printed. */
const LISTED = `   ID   PROVIDER            MODULE                          FUNCTION NAME
 2071  uprobe139         14_b881b9                                   2cbe1
${attributes}\t\tNone

 2072    demo139              node                       work__error work-error
${attributes}\t\targs[0]: uint64_t
\t\targs[1]: uint64_t
\t\targs[2]: char *

 2074    demo139              node                        work__done work-done
${attributes}\t\targs[0]: uint64_t
\t\targs[1]: uint64_t
\t\targs[2]: int32_t

 2076    demo139              node                       work__start work-start
${attributes}\t\targs[0]: uint64_t
\t\targs[1]: char *

 2080    demo139              node                              blob blob
${attributes}\t\targs[0]: int32_t
\t\targs[1]: void *
\t\targs[2]: uint64_t
\t\targs[3]: int

 2082    smtp204 _sonde_example-mailserver                    session__start session-start
${attributes}\t\targs[0]: char *
\t\targs[1]: int8_t

`;

/** As illumos, FreeBSD and macOS print it, by dtrace.c of each. */
const OTHERS = `   ID   PROVIDER            MODULE                          FUNCTION NAME
80123   smtp2204       mailserver                    session__start session-start

\tProbe Description Attributes
\t\tIdentifier Names: Evolving
\t\tData Semantics:   Evolving
\t\tDependency Class: ISA

\tArgument Attributes
\t\tIdentifier Names: Evolving
\t\tData Semantics:   Evolving
\t\tDependency Class: ISA

\tArgument Types
\t\targs[0]: char *

80124   smtp2204       mailserver                              func other-name

80125 postgresql204      postgres                  CommitTransaction transaction-commit

80126   pid204              libc                            malloc entry

`;

describe('What DTrace lists', () => {
  it('is read: providers of processes, with what is known of their arguments', () => {
    const providers = parseListed(LISTED, (pid) => [139, 204].includes(pid));
    assert.deepEqual(
      providers.map(({ pid, name, module }) => [pid, name, module]),
      [
        [139, 'demo139', 'node'],
        [204, 'smtp204', '_sonde_example-mailserver'],
      ],
    );
    const told = providers.flatMap(({ probes }) =>
      probes.map(
        ({ provider, name, arguments: list }) =>
          `${provider}:${name}(${list.map((each) => `${each.type} ${each.name} ${each.kind}${each.operand.size}`).join(', ')})`,
      ),
    );
    assert.deepEqual(told, [
      'demo:work__error(uint64 id unsigned8, uint64 ns unsigned8, string message text8)',
      'demo:work__done(uint64 id unsigned8, uint64 ns unsigned8, int32 arg2 signed-4)',
      'demo:work__start(uint64 id unsigned8, string arg1 text8)',
      'demo:blob(int32 arg0 signed-4, void * arg1 pointer8, uint64 arg2 unsigned8, int arg3 signed-4)',
      'smtp:session__start(string arg0 text8, int8 arg1 signed-1)',
    ]);
    const [demo] = providers;
    assert.deepEqual(
      demo!.probes.map(({ part }) => part),
      ['error', 'done', 'start', undefined],
    );
    assert.equal(demo!.probes[1]!.arguments[1]!.unit, 'nanoseconds');
  });

  it('is told apart from what other programs have, and DTrace itself', () => {
    const named = (...alive: number[]) =>
      parseListed(OTHERS, (pid) => alive.includes(pid)).map(({ pid, probes }) => [
        pid,
        ...probes.map(({ provider, name }) => `${provider}:${name}`),
      ]);
    assert.deepEqual(named(204), [[204, 'smtp2:session__start', 'smtp2:other__name']]);
    assert.deepEqual(named(204, 2204), [[2204, 'smtp:session__start', 'smtp:other__name']]);
    assert.deepEqual(named(5), []);
  });
});

describe('Names of the arguments of @sonde/node', () => {
  it('are the ones that it defines', async () => {
    const path = new URL('../../../../node/dist/probes.js', import.meta.url);
    const { nodeProbes } = (await import(path.href)) as { nodeProbes: Record<string, { name: string }[]> };
    const defined = Object.entries(nodeProbes).map(([key, list]) => [
      key.replace(/[A-Z]/g, (capital) => `__${capital.toLowerCase()}`),
      list.map(({ name }) => name).join(' '),
    ]);
    const known = Object.fromEntries(defined.filter(([name]) => Object.hasOwn(NODE, name!)));
    assert.deepEqual(known, NODE);
  });

  it('are there, as far as there are arguments', () => {
    const line =
      '80 node139 app gc__done gc-done\n\t\targs[0]: uint32_t\n\t\targs[1]: uint32_t\n\t\targs[2]: uint64_t\n';
    const [{ probes: [probe] = [] } = { probes: [] }] = parseListed(line, (pid) => pid === 139);
    assert.deepEqual(
      probe!.arguments.map(({ name, unit }) => [name, unit]),
      [
        ['kind', undefined],
        ['flags', undefined],
        ['ns', 'nanoseconds'],
      ],
    );
  });
});

describe('What ps prints', () => {
  it('is read', () => {
    const processes = parseProcesses('    1     0 /sbin/init\n  139   501 node server.js  --port 25 \n   40     0 \n');
    assert.deepEqual(
      [...processes.values()].map(({ pid, uid, command }) => [pid, uid, command.join(' ')]),
      [
        [1, 0, '/sbin/init'],
        [139, 501, 'node server.js  --port 25'],
      ],
    );
  });
});

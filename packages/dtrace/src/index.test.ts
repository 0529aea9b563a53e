import assert from 'node:assert/strict';
import type { ProviderDefinition } from '@sonde/core/internal';
import { readDof, validate, writeDof } from '@sonde/dof';
import { describeProvider, dtrace, moduleName } from './index.js';

const smtp: ProviderDefinition = {
  name: 'smtp',
  probes: [
    {
      name: 'session__start',
      arguments: [
        { type: 'string', name: 'peer', limit: 4095 },
        { type: 'boolean', name: 'tls' },
      ],
      native: [
        { type: 'string', name: 'peer' },
        { type: 'boolean', name: 'tls' },
      ],
    },
    {
      name: 'body',
      arguments: [{ type: 'bytes', name: 'data' }],
      native: [
        { type: 'pointer', name: 'data' },
        { type: 'uint64', name: 'data_length' },
      ],
      function: 'Server.receive',
    },
  ],
};

describe('The dtrace backend', () => {
  it('describes a provider in the names and types of D', () => {
    const { bytes } = writeDof(describeProvider(smtp, { version: 2, arguments: 12 }));
    assert.deepEqual(validate(bytes), []);
    const [{ provider, probes }] = readDof(bytes).providers as [ReturnType<typeof readDof>['providers'][number]];
    assert.equal(provider, 'smtp');
    assert.deepEqual(
      probes.map(({ name, function: place, nativeArguments }) => [name, place, nativeArguments]),
      [
        ['session-start', 'session__start', ['char *', 'int']],
        ['body', 'Server.receive', ['void *', 'uint64_t']],
      ],
    );
  });

  it('describes as many arguments as the system reads', () => {
    const { probes } = describeProvider(smtp, { version: 3, arguments: 1 });
    assert.deepEqual(
      probes.map(({ nativeArguments }) => nativeArguments),
      [['char *'], ['void *']],
    );
  });

  it("has the application's package for a module, as DTrace can take it", () => {
    assert.equal(moduleName('mailserver'), 'mailserver');
    assert.equal(moduleName('@scope/mail'), '_scope_mail');
    assert.equal(moduleName('m'.repeat(100)), 'm'.repeat(63));
    for (const none of [undefined, '', '.', '..', 7, null]) assert.equal(moduleName(none), 'node');
  });

  it('says what is missing where there is no DTrace', () => {
    try {
      dtrace();
    } catch (error) {
      assert.match((error as Error).message, /^this process cannot use \/dev\/dtrace(\/|)helper: [\w ]+; DTrace must/);
      return;
    }
    // There is one. What it shows is tested in a virtual machine that has it, too.
  });
});

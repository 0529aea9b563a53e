// Fires natively, each probe TIMES times: what a probe calls when it is traced, without a tracer.
// With nothing else done, callgrind counts the instructions of that.
//   node program.js TIMES
import { int32, provider, string } from '@sonde/core';
import { type ProviderDefinition, registerBackends } from '@sonde/core/internal';
import { loadProbeObject, thisMachine } from '@sonde/native';

const times = Number(process.argv[2]);
type Fire = (...values: (string | number)[]) => void;
const fires: Fire[] = [];

registerBackends({
  // Registered as noop, which may be any backend.
  table: {
    noop: () => ({
      load(definition: ProviderDefinition) {
        const loaded = loadProbeObject(definition, thisMachine(), { notes: true, extension: 'so', tracer: () => '' });
        fires.push(...loaded.probes.map(({ fire }) => fire));
        return loaded;
      },
    }),
  },
  buildDefault: () => 'noop',
});
provider('instructions', {
  none: [],
  int: [int32('port')],
  both: [string('peer'), int32('port')],
  again: [string('peer'), int32('port')],
  texts: [string('from'), string('to'), string('subject')],
});
const [none, int, both, again, texts] = fires as [Fire, Fire, Fire, Fire, Fire];
for (let i = 0; i < times; i++) {
  none();
  int(i);
  both('10.0.0.7', i);
  again('10.0.0.7', i);
  texts(
    'alice@example.org',
    'bob@example.org',
    'a text of one hundred bytes or so, which is what a line of a message may have',
  );
}

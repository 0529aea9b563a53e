// An application of one provider with ten probes.
const { int32, provider, string } = require('sonde') as typeof import('sonde', { with: {
  'resolution-mode': 'import',
}});

const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
provider('ten', Object.fromEntries(names.map((name) => [name, [string('peer'), int32('port')]])));

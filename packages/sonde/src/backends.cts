// The one table of backends. CommonJS, because a backend is loaded when it is selected and not before, without waiting,
// and because every bundler understands a require of a literal.
import type { Backends } from '@sonde/core' with { 'resolution-mode': 'import' };
import type * as Native from '@sonde/native' with { 'resolution-mode': 'import' };
import type * as Noop from '@sonde/noop' with { 'resolution-mode': 'import' };
import type * as Systemtap from '@sonde/systemtap' with { 'resolution-mode': 'import' };

const backends: Backends = {
  table: {
    systemtap: () => (require('@sonde/systemtap') as typeof Systemtap).systemtap(),
    noop: () => (require('@sonde/noop') as typeof Noop).noop,
  },
  buildDefault: () => (require('@sonde/native') as typeof Native).buildDefault(),
};

export = backends;

// bpftrace finds the probes by the object's path: one attachment traces every process with the same
// provider, those still to be started too.

import { Tool } from './tool.js';
import type { Attach } from './tracer.js';

const script = (object: string) => `
usdt:${object}:smtp:session__done {
  printf("%-12s %8lu bytes in %2u mails\\n", str(arg0), arg2, arg3);
}
usdt:${object}:smtp:delivery__done {
  @delivery_ns[str(arg2)] = hist(arg1);
}`;

export const bpftrace: Attach = async (server, onSession) => {
  const text = script(await server.object());
  const maps: string[] = [];
  const tool = new Tool('bpftrace', ['-e', text], (line) => {
    // At its end bpftrace prints what it has gathered. Maps have names that begin with @.
    if (maps.length > 0 || line.startsWith('@')) maps.push(line);
    else if (line.includes(' bytes in ')) onSession(line);
  });
  await tool.attached(server);
  return {
    shown: `$ bpftrace -e '${text}'`,
    caution: 'a little pessimistic, since what is traced costs something',
    async detach() {
      await tool.stop();
      return maps;
    },
  };
};

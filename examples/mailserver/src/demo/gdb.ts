// gdb needs no privileges beyond ptrace. It stops the whole process at each probe, so it is the
// slowest of all tracers. The probes' arguments have names for it, as those of any function.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addTo, type Histograms, lines } from './histogram.js';
import { Tool } from './tool.js';
import type { Attach } from './tracer.js';

const SCRIPT = `break -probe-stap smtp:session__done
commands
  silent
  printf "%-12s %8lu bytes in %2u mails\\n", peer, bytes, mails
  continue
end
break -probe-stap smtp:delivery__done
commands
  silent
  printf "delivery_ns %s %lu\\n", domain, ns
  continue
end
continue
detach
`;

export const gdb: Attach = async (server, onSession) => {
  await server.object();
  const file = join(server.folder, 'trace.gdb');
  await writeFile(file, SCRIPT);
  const histograms: Histograms = new Map();
  // When gdb is interrupted it goes on behind the script's last "continue": it detaches.
  const tool = new Tool('gdb', ['-q', '-nx', '-batch', '-p', String(server.pid), '-x', file], (line) => {
    const delivery = /^delivery_ns (\S+) (\d+)$/.exec(line);
    if (delivery) addTo(histograms, delivery[1]!, Number(delivery[2]));
    else if (line.includes(' bytes in ')) onSession(line);
  });
  await tool.attached(server);
  return {
    shown: `$ gdb -p ${server.pid}\n${SCRIPT.trimEnd()}`,
    caution: 'pessimistic, since gdb stops the whole process at each of these probes',
    async detach() {
      await tool.stop();
      return lines(histograms);
    },
  };
};

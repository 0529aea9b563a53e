// bunyan as the example has it, with two records ten times a second, of which one is below its
// level. First it writes its process's id.
import { createRequire } from 'node:module';

const bunyan = createRequire(new URL('../../../examples/bunyan-restify/package.json', import.meta.url))('bunyan');
const log = bunyan.createLogger({ name: 'app', level: 'warn' });
console.log(process.pid);
setInterval(() => {
  log.debug({ list: [1, 'ü'] }, 'below');
  log.info('hello %s', 'there');
}, 100);

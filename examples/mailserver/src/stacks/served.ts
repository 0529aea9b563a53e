// The mail server with quotas, as stacks.ts runs it: a process of its own, started without any
// flag, which tells what it has received.
//
//   node served.js FOLDER    (started by fork)
import '@sonde/node/register';
import { status } from 'sonde';
import { openQuota } from '../quota.js';
import { startServer } from '../server.js';

process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

const quota = openQuota(process.argv[2]!);
const { port } = await startServer({ port: 0, store: `${process.argv[2]}/mails`, quota });
process.on('message', () => process.send!(quota.summary()));
process.send!({ port, object: status().providers.find(({ name }) => name === 'node')?.location });

// The mail server of the examples. Its first line is where it listens and what to attach a tracer to, as JSON. It ends with its standard input.
//   node mail.js FOLDER
import { status } from 'sonde';
import type { Listening } from './fastify.js';
import { writeLine } from './lines.js';

const server: typeof import('@sonde/example-mailserver/server') = await import('@sonde/example-mailserver/server');
const { port } = await server.startServer({ port: 0, store: process.argv[2]! });
writeLine(JSON.stringify({ port, location: status().providers[0]?.location } satisfies Listening));
process.stdin.on('end', () => process.exit()).resume();

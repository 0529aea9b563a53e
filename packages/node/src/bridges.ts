// Ready-made bridges: of popular packages that publish. What each publishes was read in the version
// that is named; others may have other fields, which are fired as 0 or an empty text then.
import { int32, string, uint32, uint64 } from 'sonde';
import type { BridgeSource } from './bridge.js';

const request = { '@request': uint64('request') };

/** fastify 5: its route handlers. */
const fastify: BridgeSource = {
  'tracing:fastify.request.handler': {
    probe: 'handler',
    fields: {
      ...request,
      'route.method': string('method'),
      'route.url': string('route'),
      'request.url': string('url'),
    },
    done: { 'reply.statusCode': int32('status') },
  },
};

/** express 5 with router 2.3: each layer, middleware and handlers. */
const express: BridgeSource = {
  'tracing:express.router.request': {
    probe: 'layer',
    fields: {
      ...request,
      'req.method': string('method'),
      'req.originalUrl': string('url'),
      'layer.name': string('layer'),
    },
  },
};

/** mysql2 3.24. */
const mysql2: BridgeSource = Object.fromEntries(
  ['query', 'execute', 'connect'].map((name) => [
    `tracing:mysql2:${name}`,
    {
      // A provider's name does not end in a digit.
      provider: 'mysql',
      fields: {
        ...request,
        ...(name === 'connect' ? {} : { query: string('query') }),
        database: string('database'),
        serverAddress: string('address'),
        serverPort: int32('port'),
      },
    },
  ]),
);

const redisCommand = {
  ...request,
  command: string('command'),
  'args.length': uint32('arguments'),
  serverAddress: string('address'),
  serverPort: int32('port'),
};
const redisConnect = { ...request, serverAddress: string('address'), serverPort: int32('port') };

/** ioredis 5.11. */
const ioredis: BridgeSource = {
  'tracing:ioredis:command': { fields: redisCommand },
  'tracing:ioredis:connect': { fields: redisConnect },
};

/** redis 6 (@redis/client 6.3). */
const redis: BridgeSource = {
  'tracing:node-redis:command': { provider: 'redis', fields: redisCommand },
  'tracing:node-redis:connect': { provider: 'redis', fields: redisConnect },
};

/** got 14.6: requests and responses, joined by got's own id. */
const got: BridgeSource = {
  'got:request:start': {
    fields: { requestId: string('id'), method: string('method'), url: string('url'), ...request },
  },
  'got:response:end': {
    fields: { requestId: string('id'), statusCode: int32('status'), url: string('url'), bodySize: uint64('bytes') },
  },
  'got:request:error': { fields: { requestId: string('id'), 'error.message': string('message'), url: string('url') } },
};

/** By the package whose channels they are of, which is their name in SONDE_BRIDGES too. */
export const bridges = { fastify, express, mysql2, ioredis, redis, got } as const;

// Probes of what the shop tells on its channel: `shop:query__start(id, request, sql)`, and `__done`
// and `__error`.
import { bridge } from '@sonde/node';
import { string, uint64 } from 'sonde';

bridge('tracing:shop:query', { fields: { '@request': uint64('request'), sql: string('sql') } });

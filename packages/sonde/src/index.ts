import { registerBackends } from '@sonde/core';
import backends from './backends.cjs';

registerBackends(backends);

export * from '@sonde/core';

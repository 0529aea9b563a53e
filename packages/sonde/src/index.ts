import { registerBackends } from '@sonde/core';
import { backends } from './backends.js';

registerBackends(backends);

export * from '@sonde/core';

import { registerBackends } from '@sonde/core/internal';
import { backends } from './backends.js';

registerBackends(backends);

export * from '@sonde/core';

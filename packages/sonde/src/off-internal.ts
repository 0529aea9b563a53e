// What `sonde/internal` is under the export condition `sonde-off`.
import './off.js';

export * from '@sonde/core/internal';

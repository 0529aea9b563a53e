// For the packages of sonde alone: see @sonde/core/internal. The same copy as `sonde`.
import './index.js';

export * from '@sonde/core/internal';

export * from '@sonde/core/testing';

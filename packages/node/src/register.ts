// For `node --import @sonde/node/register`, bundled. Node.js itself gets register.cts by it.
import { start } from '@sonde/node';

start();

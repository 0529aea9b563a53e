// For `node --import @sonde/node/register`. By the package's name, so that it is the same copy as a
// program imports: bundled on its own, this file would hold another.
import { start } from '@sonde/node';

start();

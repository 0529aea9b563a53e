// Writes the program that test/vm/systemtap compiles.
//   node systemtap-script.js OBJECTS
import { systemtapScript } from '../../support/systemtap.js';

process.stdout.write(systemtapScript(process.argv[2]!));

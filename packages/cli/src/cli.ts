import { CommanderError } from 'commander';
import { CommandError, EXIT } from './error.js';
import { program } from './program.js';

// Who closes the pipe has read enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed what it says.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else if (error instanceof CommandError) {
    process.stderr.write(`sonde: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    throw error;
  }
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandError } from '../error.js';

/**
 * @param found where it is to be had
 * @throws {CommandError} if a tool is not installed
 */
export function checkInstalled(tool: string, found?: string): void {
  const isThere = (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!isThere)
    throw new CommandError('missing', `${tool} is not installed${found === undefined ? '' : ` (${found})`}`);
}

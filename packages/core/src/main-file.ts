/**
 * The program's main file; undefined where it has none. As it was when this was loaded: in a
 * process that starts from a snapshot, the first argument is whatever the user gives, and nothing
 * may be loaded from there.
 */
export const MAIN_FILE = process.argv[1];

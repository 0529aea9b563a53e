/** Administrators' programs may not be in PATH. */
export const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin`, LC_ALL: 'C' };

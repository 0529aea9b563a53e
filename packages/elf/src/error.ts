/**
 * The one error this package throws: for a definition that cannot become a probe object, and for
 * bytes that are not what they claim to be. The message names the value and the rule it broke.
 */
export class ElfError extends Error {
  readonly code = 'SONDE_ELF';
  override readonly name = 'ElfError';
}

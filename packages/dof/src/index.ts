export {
  type Attributes,
  type ByteOrder,
  type DependencyClass,
  type DofDefinition,
  type DofVersion,
  defaultAttributes,
  type ProbeDefinition,
  type ProviderAttributes,
  type Stability,
} from './definition.js';
export { DofError } from './error.js';
export {
  type DofFile,
  type DofProbe,
  type DofProvider,
  type DofSection,
  readDof,
  type ValidateOptions,
  validate,
} from './read.js';
export type { BrokenRule, RuleName, System } from './rules.js';
export { type Dof, writeDof } from './write.js';

export { buildDefault, getBinding } from './binding.js';
export { fireFunction } from './fire.js';
export { firstInstruction } from './first-instruction.js';
export { type ObjectFile, type OpenObject, openObject } from './object-files.js';

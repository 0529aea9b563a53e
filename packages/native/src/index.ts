export { buildDefault, type Dtrace, getBinding, late } from './binding.js';
export { type FireEvent, fireFunction } from './fire.js';
export { firstInstruction } from './first-instruction.js';
export { type ObjectFile, type OpenObject, openObject } from './object-files.js';
export { absolute, folders, type OwnFile, putFile } from './own-files.js';
export { loadProbeObject, type Machine, type ProbeEvent, symbolOf, thisMachine } from './probe-object.js';

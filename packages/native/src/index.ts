export { type AddonName, addonFiles, addonFolder, openAddon } from './addon-files.js';
export { buildDefault, type Dtrace, getBinding, loadOnDemand } from './binding.js';
export { type FireEvent, fireFunction } from './fire.js';
export { firstInstruction } from './first-instruction.js';
export { type ObjectFile, type OpenObject, openObject } from './object-files.js';
export { type FoundFile, type PrivateFile, putFile } from './private-files.js';
export { folderCandidates, type Place } from './private-folder.js';
export {
  loadProbeObject,
  type Machine,
  type ProbeEvent,
  symbolOf,
  thisMachine,
  type Visibility,
} from './probe-object.js';
export { type WatchedCode, watchCode } from './watch.js';

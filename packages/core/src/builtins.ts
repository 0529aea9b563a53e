// Node.js's own modules as `require` gives them. An `import` asks each of their exports for its
// value first, and some load more of Node.js when they are asked: it takes a millisecond that a
// program may never have paid otherwise.

export const { inspect, types } = process.getBuiltinModule('node:util');
export const { createRequire } = process.getBuiltinModule('node:module');

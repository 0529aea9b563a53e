// As they were when this package was loaded: tests put other clocks in their place.
export const { setTimeout, setInterval, clearTimeout, clearInterval, setImmediate, clearImmediate, queueMicrotask } =
  globalThis;

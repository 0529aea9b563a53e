// What loading any file costs, whatever is in it.
export {};

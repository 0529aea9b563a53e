declare module 'node-gyp-build' {
  /** Loads the addon of a package: one compiled there, else the prebuilt one for this platform. */
  export default function load(folder: string): unknown;
}

// The packages that files belong to, by their manifests.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSonde } from './sonde.js';

interface Manifest {
  readonly name?: string;
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
  readonly peerDependencies?: object;
}

export class Installed {
  private readonly manifests = new Map<string, Manifest>();

  forget(): void {
    this.manifests.clear();
  }

  /** Whether a file is one of sonde's own. */
  isOfSonde(file: string): boolean {
    const { name = '' } = this.packageOf(dirname(file));
    return isSonde(name) || name.startsWith('@sonde/');
  }

  /**
   * Whether a file may have to do with probes. Of installed packages, only those that depend on
   * sonde do.
   */
  mayHaveProbes(file: string): boolean {
    if (!/[\\/]node_modules[\\/]/.test(file)) return true;
    const { dependencies, optionalDependencies, peerDependencies } = this.packageOf(dirname(file));
    return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).some(isSonde);
  }

  /** The manifest of the package that a folder belongs to: the nearest one with a name. */
  private packageOf(folder: string): Manifest {
    let manifest = this.manifests.get(folder);
    if (!manifest) {
      manifest = read(folder);
      if (manifest.name === undefined && folder !== dirname(folder)) manifest = this.packageOf(dirname(folder));
      this.manifests.set(folder, manifest);
    }
    return manifest;
  }
}

function read(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    // Most folders have none.
    return {};
  }
}

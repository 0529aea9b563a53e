// The packages that are installed, by their manifests.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSonde } from './value.js';

interface Manifest {
  readonly name?: string;
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
  readonly peerDependencies?: object;
}

export class Installed {
  private readonly manifests = new Map<string, Manifest | undefined>();
  private readonly answers = new Map<string, boolean>();

  forget(): void {
    this.manifests.clear();
    this.answers.clear();
  }

  /** Whether a file is one of sonde's own. */
  isOfSonde(file: string): boolean {
    const folder = this.folderOf(file);
    const { name = '' } = (folder !== undefined && this.manifest(folder)) || {};
    return isSonde(name) || name.startsWith('@sonde/');
  }

  /** Whether a file may lead to probes. Of what is installed, only packages do that depend on sonde, directly or not. */
  mayHaveProbes(file: string): boolean {
    if (!/[\\/]node_modules[\\/]/.test(file)) return true;
    const folder = this.folderOf(file);
    if (folder === undefined) return true;
    const known = this.answers.get(folder);
    if (known !== undefined) return known;
    const answer = this.reachesSonde(folder);
    this.answers.set(folder, answer);
    return answer;
  }

  private reachesSonde(folder: string): boolean {
    const seen = new Set([folder]);
    for (const each of seen) {
      const { name, dependencies, optionalDependencies, peerDependencies } = this.manifest(each) ?? {};
      if (name !== undefined && (isSonde(name) || name.startsWith('@sonde/'))) continue;
      for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
        if (isSonde(dependency)) return true;
        const found = installedIn(each, dependency);
        if (found !== undefined) seen.add(found);
      }
    }
    return false;
  }

  /** The folder of the package that a file belongs to: one whose manifest has a name. */
  private folderOf(file: string): string | undefined {
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      if (this.manifest(folder)?.name !== undefined) return folder;
      if (folder === dirname(folder)) return undefined;
    }
  }

  private manifest(folder: string): Manifest | undefined {
    if (this.manifests.has(folder)) return this.manifests.get(folder);
    let manifest: Manifest | undefined;
    try {
      manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    } catch {
      // Most folders have none.
    }
    this.manifests.set(folder, manifest);
    return manifest;
  }
}

function installedIn(folder: string, name: string): string | undefined {
  for (let above = folder; ; above = dirname(above)) {
    const candidate = join(above, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (above === dirname(above)) return undefined;
  }
}

// What another user has to exchange, and where, to have a program load what is theirs.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ATTACKER = 3002;
/** A group that all users here are in. */
export const USERS = 100;

export interface Attack {
  /** The place of the objects, or of a folder above it, whose content the attacker exchanges. */
  place: string;
  /** Of the program. */
  environment: NodeJS.ProcessEnv;
  /** What takes that place for a moment. */
  spares: string[];
  /** No file there may be used at all: whatever is there, others can exchange it. */
  isOpen?: true;
}

/**
 * Each makes, in an empty folder of root's that everybody may enter, what the attacker has to
 * exchange.
 */
export const attacks: Record<string, (field: Field) => Attack> = {
  'their folders, links and files in the sticky folder for temporary files': (field) => {
    const temporary = field.folder('tmp', { owner: 0, mode: 0o1777 });
    const place = join(temporary, `sonde-${field.victim}`);
    return {
      place,
      environment: { TMPDIR: temporary },
      spares: field.spares(place, ['folder', 'to home', 'to folder', 'file']),
    };
  },
  'their folder for the program’s own, in a folder that everybody can write to': (field) => {
    const place = join(field.folder('open', { owner: 0, mode: 0o777 }), 'sonde');
    return { place, environment: { SONDE_DIR: place }, spares: field.spares(place, ['folder', 'own']), isOpen: true };
  },
  'their folder for the program’s own, in a folder that a group of both can write to': (field) => {
    const place = join(field.folder('shared', { owner: 0, mode: 0o775 }), 'sonde');
    return { place, environment: { SONDE_DIR: place }, spares: field.spares(place, ['folder', 'own']), isOpen: true };
  },
  'their folder for the program’s own, in a folder of theirs': (field) => {
    const place = join(field.folder('theirs', { owner: ATTACKER }), 'sonde');
    return { place, environment: { SONDE_DIR: place }, spares: field.spares(place, ['folder', 'own']), isOpen: true };
  },
  'their links, as a folder above': (field) => {
    const place = join(field.folder('tmp', { owner: 0, mode: 0o1777 }), 'deep');
    const environment = { SONDE_DIR: join(place, 'er/sonde') };
    return { place, environment, spares: field.spares(place, ['to home', 'to folder'], 'er/sonde') };
  },
  'their folder, as a folder above that is not there yet': (field) => {
    const place = join(field.folder('tmp', { owner: 0, mode: 0o1777 }), 'deep');
    return {
      place,
      environment: { SONDE_DIR: join(place, 'er/sonde') },
      spares: field.spares(place, ['folder', 'to home']),
    };
  },
  'their links, as XDG_RUNTIME_DIR': (field) => {
    const place = join(field.folder('tmp', { owner: 0, mode: 0o1777 }), 'runtime');
    const environment = { XDG_RUNTIME_DIR: place, TMPDIR: field.folder('fallback', { owner: field.victim }) };
    return { place, environment, spares: field.spares(place, ['to home', 'to folder'], 'sonde') };
  },
};

/** Where an attack takes place. */
export class Field {
  readonly victim: number;
  private readonly root: string;
  private readonly names: readonly string[];
  private readonly planted: string;

  /**
   * @param names of the objects that the victim will make
   * @param planted what the attacker has in their place
   */
  constructor(root: string, victim: number, names: readonly string[], planted: string) {
    this.root = root;
    this.victim = victim;
    this.names = names;
    this.planted = planted;
  }

  folder(name: string, { owner, mode = 0o755 }: { owner: number; mode?: number }): string {
    const path = join(this.root, name);
    mkdirSync(path);
    chownSync(path, owner, USERS);
    chmodSync(path, mode);
    return path;
  }

  /**
   * What the attacker has: a folder with planted objects, links to it and to a folder of the
   * victim's, a file, and the folder that the program made when it ran before. All lie beside the
   * place: a folder of somebody else's can be moved there, if at all.
   *
   * @param below where the objects lie below the place
   */
  spares(place: string, kinds: ('folder' | 'to folder' | 'to home' | 'file' | 'own')[], below = ''): string[] {
    const at = (name: string) => join(dirname(place), `attacker-${name}`);
    const planted = at('folder');
    mkdirSync(join(planted, below), { recursive: true });
    for (const name of this.names) copyFileSync(this.planted, join(planted, below, name));
    symlinkSync(planted, at('to folder'));
    symlinkSync(join(this.root, 'home'), at('to home'));
    writeFileSync(at('file'), 'no folder');
    const all = ['folder', 'to folder', 'to home', 'file'].map(at);
    spawnSync('chown', ['-hR', `${ATTACKER}:${USERS}`, ...all]);
    spawnSync('cp', ['-a', join(this.root, 'home/sonde'), at('own')]);
    chmodSync(at('own'), 0o700);
    return kinds.map(at);
  }
}

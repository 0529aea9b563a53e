export interface Mount {
  /** Where it is mounted. */
  place: string;
  type: string;
  options: string[];
}

/** @param text of /proc/PID/mountinfo (proc_pid_mountinfo(5)) */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [, , , , place, options] = before!.split(' ');
    const [type, , superOptions] = (after ?? '').split(' ');
    if (place === undefined || options === undefined || !type) return [];
    return [
      {
        place: place.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8))),
        type,
        options: [...options.split(','), ...(superOptions ?? '').split(',')],
      },
    ];
  });
}

/** The mount that a path is on. A later mount at the same place covers the earlier one. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const folder = mount.place === '/' ? '/' : `${mount.place}/`;
    if (`${path}/`.startsWith(folder) && mount.place.length >= (found?.place.length ?? 0)) found = mount;
  }
  return found;
}

/** Where LevelDB reads a block that is not in its cache, for `sonde flame --on`. */
export const MISS =
  'uprobe:classic-level.node:_ZN7leveldb9ReadBlockEPNS_16RandomAccessFileERKNS_11ReadOptionsERKNS_11BlockHandleEPNS_13BlockContentsE';

import type { TreeNode } from '../stacks.js';

/** Black text can be read on them. The page has the same. */
export const COLOURS: Record<TreeNode['kind'], string> = {
  root: '#d8d8d8',
  javascript: '#8fc97a',
  builtin: '#a9d6c9',
  native: '#f0b467',
  kernel: '#d9a3d0',
};

// Modules that do nothing when they are run, so that nobody notices when they are not: those of probes, most of all.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { type Edits, type Span, span } from './edits.js';
import type { Module } from './module.js';
import { isPure, isType, unwrapped } from './source.js';
import { isSonde, type Value } from './value.js';

/** Whether running what is left of a module does nothing. */
export function isInert(module: Module, edits: Edits): boolean {
  return module.program.get('body').every((statement) => isInertStatement(statement, module, edits));
}

/** Whether importing a module does nothing, as far as that can be known. */
export function isIdle(module: Module, from: string): boolean {
  const target = module.imports.get(from);
  return target ? target.stripped.isInert : from.startsWith('node:');
}

/** Whether an expression that gives a whole module does nothing else: it only names it, or the module does nothing. */
export function isImportIdle(init: NodePath, value: Value): boolean {
  if (value.kind !== 'namespace' && value.kind !== 'promise') return true;
  const inner = unwrapped(init);
  const isCall = inner.isCallExpression() || inner.isAwaitExpression() || inner.isImportExpression();
  return !isCall || (value.kind === 'promise' ? value.of : value).module.stripped.isInert;
}

/** Leaves of an import whose names are gone what runs the module, if that does anything. Returns whether it does not. */
export function leaveImport(module: Module, edits: Edits, path: NodePath, from: string): boolean {
  if (isSonde(from) || isIdle(module, from)) return true;
  const quoted = module.code.slice(...span((path.node as t.ImportDeclaration).source));
  edits.replace(path.node.start!, path.node.end!, `import ${quoted};`);
  return false;
}

/** Leaves of a declaration whose names are gone the call that gives the value. */
export function leaveInit(edits: Edits, path: NodePath, init: NodePath): void {
  const declaration = path.parentPath!;
  if (!declaration.inList || (declaration.node as t.VariableDeclaration).declarations.length > 1) return;
  edits.keepOnly(declaration.node as Span, [init.node as Span], '', '', ';');
}

function isInertStatement(path: NodePath, module: Module, edits: Edits): boolean {
  const { node } = path;
  if (edits.isBlank(node.start!, node.end!) || isType(path) || path.isEmptyStatement()) return true;
  if (path.isImportDeclaration() || path.isExportAllDeclaration()) {
    const kind = path.isImportDeclaration() ? path.node.importKind : path.node.exportKind;
    return kind === 'type' || isIdle(module, (node as t.ImportDeclaration).source.value);
  }
  if (path.isExportNamedDeclaration()) {
    const declaration = path.get('declaration') as NodePath;
    if (declaration.node) return isInertStatement(declaration, module, edits);
    return !path.node.source || path.node.exportKind === 'type' || isIdle(module, path.node.source.value);
  }
  if (path.isExportDefaultDeclaration()) return isPure(path.get('declaration') as NodePath);
  if (path.isFunctionDeclaration() || path.isClassDeclaration()) return isPure(path);
  if (path.isVariableDeclaration()) {
    return path.get('declarations').every((each) => {
      const init = each.get('init') as NodePath;
      if (edits.isGone(each.node) || !init.node || isPure(init)) return true;
      const value = module.evaluate(init);
      return value?.kind === 'namespace' && isImportIdle(init, value);
    });
  }
  const expression = path.isExpressionStatement() ? unwrapped(path.get('expression')) : undefined;
  if (!expression?.isAssignmentExpression()) return false;
  return module.isExport(expression.get('right')) && isPure(expression.get('right'));
}

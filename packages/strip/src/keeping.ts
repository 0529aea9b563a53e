// What has to stay, because it is used in a way that cannot be removed.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import type { Edits, Span } from './edits.js';
import type { Module } from './module.js';
import { children, propertyName, unwrapped, wrapped } from './source.js';
import { type Entries, originOf, type Provider, SONDE, type Value, vanishes } from './value.js';

export interface Warning {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  readonly message: string;
}

export class Keeping {
  /** Something was found that must stay, and this is not it. */
  again = false;
  /** Where something is used as a probe that has the name of one, and may be the field of an object of any class. */
  readonly strangers = new Map<string, NodePath>();
  private readonly warned = new Map<t.Node, string>();
  private isSondeNamed = false;
  private readonly module: Module;
  private readonly edits: Edits;

  constructor(module: Module, edits: Edits) {
    this.module = module;
    this.edits = edits;
  }

  get warnings(): Warning[] {
    return [...this.module.causes, ...this.warned]
      .map(([{ loc }, message]) => ({ line: loc!.start.line, column: loc!.start.column + 1, message }))
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /** Notes that what an expression stands for must stay. */
  keep(path: NodePath, value: Value, isQuiet: boolean): void {
    const { kept, remade, copied } = this.module;
    const before = kept.size + remade.size + copied.size;
    this.keepRoots(path, value);
    if (before === kept.size + remade.size + copied.size) {
      // It is being kept already, as of this round. If not, nothing was found to keep: it gets a definition of its own.
      if (this.again) return;
      copied.add(unwrapped(path).node);
      this.remakeAll(value);
    }
    this.again = true;
    if (!isQuiet) this.module.causes.set(path.node, describe(value));
  }

  private keepRoots(path: NodePath, value: Value | undefined): void {
    const { module } = this;
    const inner = unwrapped(path);
    if (inner.isIdentifier()) {
      const binding = inner.scope.getBinding(inner.node.name);
      if (binding && binding.kind !== 'module') module.kept.add(binding.identifier);
      else if (binding) this.remake(inner, value);
      else this.keepExports();
    } else if (inner.isMemberExpression() || inner.isOptionalMemberExpression()) {
      this.keepMember(inner, value);
    } else if ((inner.isObjectExpression() || inner.isThisExpression()) && value?.kind === 'object') {
      for (const { path: entry, value: own } of value.entries.values()) this.keepRoots(entry, own);
    } else if (inner.isConditionalExpression() || inner.isLogicalExpression()) {
      for (const key of ['left', 'right', 'consequent', 'alternate']) {
        const part = inner.get(key) as NodePath;
        const own = part.node && module.evaluate(part);
        if (own && vanishes(own)) this.keepRoots(part, own);
      }
    } else if (value?.kind === 'provider' || value?.kind === 'definition') {
      module.kept.add(inner.node);
      this.keepNames(inner);
    } else if (value) this.remake(inner, value);
  }

  private keepMember(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>, value: Value | undefined): void {
    const object = path.get('object') as NodePath;
    const container = this.module.evaluate(object);
    const name = propertyName(path, 'property');
    if (container?.kind === 'namespace' && container.module !== this.module) this.remake(path, value);
    else if (container?.kind === 'namespace') this.keepExports();
    else if (container?.kind === 'class' || container?.kind === 'instance' || container?.kind === 'object') {
      const entries =
        container.kind === 'object'
          ? container.entries
          : container.kind === 'class'
            ? container.statics
            : container.of.fields;
      const entry = name === undefined ? undefined : entries.get(name);
      if (entry?.module !== this.module) this.remake(path, value);
      else if (container.kind === 'object') this.keepRoots(entry.path, entry.value);
      else this.module.kept.add(entry.path.parent);
    } else if (container) this.keepRoots(object, container);
    else this.keepExports();
  }

  /** Keeps fields that seem to be used where it is not known what of; of classes of other modules it can only be said. */
  keepFields(): void {
    for (const [name, path] of this.strangers) {
      const own = this.module.fields.get(name) ?? [];
      for (const { value, path: field } of own) {
        this.module.kept.add(field.parent);
        this.module.causes.set(path.node, describe(value));
        this.again = true;
      }
      const isForeign = Object.values(this.module.program.scope.bindings).some((binding) => {
        const value = binding.kind === 'module' ? this.module.variable(binding) : undefined;
        return value?.kind === 'class' && (value.fields.has(name) || value.statics.has(name));
      });
      if (own.length === 0 && isForeign) {
        this.warn(
          path,
          `this may be a field with a probe of a class of another module, which is removed there: make the field private, or declare the type of what it is read from`,
        );
      }
    }
  }

  /** All that this module exports as CommonJS does. */
  private keepExports(): void {
    for (const path of this.module.commonExports()) {
      const value = this.module.evaluate(path);
      if (value && (vanishes(value) || value.kind === 'object')) this.keepRoots(path, value);
    }
  }

  /** Keeps the definitions that a definition names. */
  keepNames(path: NodePath): void {
    const walk = (each: NodePath): void => {
      const value = each.isExpression() ? this.module.evaluate(each) : undefined;
      if (value?.kind === 'definition' && each !== path) {
        this.keepQuietly(each, value);
        if (each.isIdentifier() || each.isMemberExpression()) return;
      }
      for (const child of children(each)) walk(child);
    };
    walk(path);
  }

  private keepQuietly(path: NodePath, value: Value): void {
    const before = this.module.kept.size;
    this.keepRoots(path, value);
    if (this.module.kept.size > before) this.again = true;
  }

  isQuiet(path: NodePath): boolean {
    const { kept } = this.module;
    const { parentPath } = wrapped(path);
    if (!parentPath) return false;
    if (parentPath.isVariableDeclarator() || parentPath.isAssignmentPattern()) {
      return Object.values(parentPath.getBindingIdentifiers()).some((each) => kept.has(each));
    }
    return kept.has(parentPath.node);
  }

  /** Something of another module, which will not be there: this one makes the same again. */
  private remake(path: NodePath, value: Value | undefined): void {
    if (!value) return;
    if (!originOf(value)) this.module.copied.add(path.node);
    this.remakeAll(value);
  }

  /** Gives a variable to each provider that something is made of. */
  private remakeAll(value: Value): void {
    const origin = originOf(value);
    if (origin) this.variableFor(origin.provider);
    else if (value.kind === 'object') for (const [, each] of valuesOf(value)) this.remakeAll(each);
    else if (value.kind === 'namespace') for (const each of value.module.probeExports().values()) this.remakeAll(each);
    else if (value.kind === 'promise') this.remakeAll(value.of);
  }

  isRemade(value: Value): boolean {
    const origin = originOf(value);
    return origin !== undefined && this.module.remade.has(origin.provider);
  }

  private variableFor(provider: Provider): string {
    const known = this.module.remade.get(provider);
    if (known !== undefined) return known;
    const name = this.module.program.scope.generateUid(provider.name);
    this.module.remade.set(provider, name);
    return name;
  }

  sondeName(): string {
    this.isSondeNamed = true;
    this.module.sondeName ??= this.module.program.scope.generateUid('sonde');
    return this.module.sondeName;
  }

  /** Puts something in the place of another module's object that has probes in it, which that module does not have any more. */
  replaceByCopy(path: NodePath, value: Value): void {
    const own = path.node as Span;
    if (value.kind === 'promise') {
      const copies = this.copies(value.of.module.probeExports());
      this.edits.keepOnly(own, [own], this.edits.shorthand(path), '', `.then((all) => ({ ...all, ${copies} }))`);
      return;
    }
    const entries =
      value.kind === 'namespace' ? value.module.probeExports() : value.kind === 'object' ? valuesOf(value) : [];
    if (vanishes(value)) {
      this.edits.replaceExpression(path, this.edits.asOperand(this.copy(value), path));
    } else {
      const [before, after] = this.edits.asOperand('|', path).split('|');
      this.edits.keepOnly(
        own,
        [own],
        `${this.edits.shorthand(path)}${before}{ ...`,
        '',
        `, ${this.copies(entries)} }${after}`,
      );
    }
  }

  /** JavaScript for what is all probes. */
  private copy(value: Value): string {
    const origin = originOf(value);
    if (origin) return this.variableFor(origin.provider) + origin.access;
    if (value.kind === 'definition') return value.text.replaceAll(SONDE, this.sondeName());
    return value.kind === 'object' ? `{ ${this.copies(valuesOf(value))} }` : '{}';
  }

  private copies(entries: Iterable<readonly [string, Value]>): string {
    return [...entries].map(([name, value]) => `${JSON.stringify(name)}: ${this.copy(value)}`).join(', ');
  }

  /** Writes the definitions that this module makes again. */
  addRemade(): void {
    const { remade, isModule, program } = this.module;
    if (remade.size === 0 && !this.isSondeNamed) return;
    const sonde = this.sondeName();
    const sources = [...remade.keys()].map(({ source }) => source);
    const from = sources.length > 0 && !sources.includes('sonde') ? sources[0]! : 'sonde';
    const lines = [isModule ? `import * as ${sonde} from '${from}';` : `const ${sonde} = require('${from}');`];
    for (const [{ text }, name] of remade) lines.push(`const ${name} = ${text.replaceAll(SONDE, sonde)};`);
    this.edits.text.appendLeft(program.node.body[0]!.start!, `${lines.join('\n')}\n`);
  }

  warn(path: NodePath, message: string): void {
    this.warned.set(path.node, message);
  }
}

function* valuesOf({ entries }: { entries: Entries }): Iterable<readonly [string, Value]> {
  for (const [name, { value }] of entries) yield [name, value];
}

function describe(value: Value): string {
  const provider = value.kind === 'provider' ? value : originOf(value)?.provider;
  const name = provider ? ` ${JSON.stringify(provider.name)}` : '';
  const what =
    value.kind === 'provider'
      ? `provider${name} is`
      : value.kind === 'definition'
        ? 'a definition of probes is'
        : value.kind === 'namespace' || value.kind === 'object' || value.kind === 'promise'
          ? 'an object with probes is'
          : `a probe of ${provider ? `provider${name}` : 'a provider'} is`;
  return `${what} used here in a way that cannot be removed, so it stays and works: fire probes where they are named, or leave the provider out by \`exclude\``;
}

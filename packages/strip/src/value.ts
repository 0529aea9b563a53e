// What an expression of a program stands for, as far as probes are concerned. Most expressions stand for nothing of
// it, which is `undefined`.
import type { NodePath } from '@babel/traverse';
import type { Module } from './module.js';

export type Value =
  | { readonly kind: 'sonde' }
  | { readonly kind: 'helper'; readonly name: string }
  | Definition
  | Provider
  | Part
  | { readonly kind: 'method'; readonly of: Provider | Part; readonly name: string }
  | { readonly kind: 'object'; readonly entries: Entries /** Nothing else is in it. */; readonly whole: boolean }
  | Class
  | { readonly kind: 'instance'; readonly of: Class }
  | Namespace
  | { readonly kind: 'promise'; readonly of: Namespace }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** A call that does nothing once no probe is there: `fire`, `fireWith`, `unload`. */
  | { readonly kind: 'nothing' }
  /** `run` or `runCallback` of an operation. */
  | { readonly kind: 'run'; readonly name: 'run' | 'runCallback' }
  | { readonly kind: 'status' };

/** Arguments, lists of them, an operation's definition: what `provider()` is given. */
export interface Definition {
  readonly kind: 'definition';
  /** JavaScript that makes the same again, with {@link SONDE} for the namespace of sonde. */
  readonly text: string;
  /** Whether sonde has a part in it: `"peer"` is a literal, `string("peer")` is more. */
  readonly isOfSonde: boolean;
  readonly isOperation: boolean;
  /** An object's members. */
  readonly entries?: ReadonlyMap<string, Definition>;
  /** A list's items, without brackets. */
  readonly items?: string;
}

export interface Provider {
  readonly kind: 'provider';
  readonly name: string;
  readonly members: ReadonlyMap<string, 'probe' | 'operation'>;
  /** As in {@link Definition}. */
  readonly text: string;
  /** It may be another with the same probes. */
  readonly isAnyOf?: true;
  /** The module's name in that definition: `sonde` or `@sonde/core`. */
  readonly source: string;
}

/** A probe, an operation, or one of an operation's three probes. */
export interface Part {
  readonly kind: 'probe' | 'operation' | 'phase';
  /** Where it comes from, if only one place is possible. */
  readonly origin?: { readonly provider: Provider; readonly access: string };
}

export interface Entry {
  readonly value: Value;
  /** The expression that the value is written as, and the module which has it. */
  readonly path: NodePath;
  readonly module: Module;
}

export type Entries = ReadonlyMap<string, Entry>;

/** A class with probes in its fields; names of private ones begin with `#`. */
export interface Class {
  readonly kind: 'class';
  readonly statics: Entries;
  readonly fields: Entries;
}

/** What a module exports, as one object. */
export interface Namespace {
  readonly kind: 'namespace';
  readonly module: Module;
}

/** Stands for sonde in texts. No literal that was written as JSON has it. */
export const SONDE = '\0';

/** Functions of sonde whose calls make part of a definition. */
const ARGUMENTS = new Set([
  ...['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'],
  ...['boolean', 'string', 'json', 'bytes', 'stack'],
]);

export const makesDefinition = (name: string) => ARGUMENTS.has(name) || name === 'operation';

/** What of sonde's exports can be removed. */
export const isHelper = (name: string) => makesDefinition(name) || name === 'provider' || name === 'status';

/** The packages that define probes. */
export const isSonde = (specifier: string) => specifier === 'sonde' || specifier === '@sonde/core';

/** The provider or part that another module could make again for itself. */
export function originOf(value: Value): { provider: Provider; access: string } | undefined {
  if (value.kind === 'provider') return value.isAnyOf ? undefined : { provider: value, access: '' };
  if (value.kind === 'probe' || value.kind === 'operation' || value.kind === 'phase') return value.origin;
  return undefined;
}

/** Values that are there for probes alone: where one stands, nothing stands in a program without them. */
export function vanishes(value: Value): boolean {
  switch (value.kind) {
    case 'provider':
    case 'probe':
    case 'operation':
    case 'phase':
    case 'definition':
      return true;
    case 'object':
      return value.whole;
    default:
      return false;
  }
}

export function access(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

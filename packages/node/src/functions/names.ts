// Names of functions, from the source, as V8 has them in stacks: `deliver`, `MailServer.deliver`,
// `new MailServer`, `MailServer.get size`, `(anonymous)`.
import type { Node } from 'acorn';

export const ANONYMOUS = '(anonymous)';

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

export const isClass = ({ type }: Node): boolean => type === 'ClassDeclaration' || type === 'ClassExpression';

/** The name that a function or a class has itself. */
export const nameOf = (node: object): string | undefined => (node as { id?: { name?: string } | null }).id?.name;

/** The name that a function or class without one takes as this child of a node. */
export function hintFor(node: Node, key: string, className: string): string | undefined {
  const parts = node as unknown as Record<string, Node & { name?: string }> & {
    kind?: string;
    computed?: boolean;
    static?: boolean;
  };
  switch (node.type) {
    case 'VariableDeclarator':
      return key === 'init' ? parts.id!.name : undefined;
    case 'AssignmentExpression':
      return key === 'right' ? memberName(parts.left!) : undefined;
    case 'AssignmentPattern':
      return key === 'right' ? parts.left!.name : undefined;
    case 'ExportDefaultDeclaration':
      return 'default';
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition': {
      if (key !== 'value') return undefined;
      const accessor = parts.kind === 'get' || parts.kind === 'set' ? `${parts.kind} ` : '';
      if (parts.kind === 'constructor') return `new ${className}`;
      const name = accessor + (keyName(parts.key!, parts.computed === true) ?? ANONYMOUS);
      return node.type === 'Property' ? name : `${className}.${name}`;
    }
    default:
      return undefined;
  }
}

function memberName(left: Node & { name?: string }): string | undefined {
  if (left.type !== 'MemberExpression') return left.name;
  const { property, computed } = left as unknown as { property: Node; computed: boolean };
  return keyName(property, computed);
}

function keyName(key: Node, computed: boolean): string | undefined {
  const { type, name, value } = key as Node & { name?: string; value?: unknown };
  if (type === 'Literal') return String(value);
  if (type === 'PrivateIdentifier') return `#${name}`;
  return computed ? undefined : name;
}

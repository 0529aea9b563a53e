// What is where in an event, as its `format` file in tracefs says.

export interface Field {
  name: string;
  offset: number;
  size: number;
  isSigned: boolean;
  /** It is an offset and a length, and the data is there: `__data_loc char[]`. */
  isElsewhere: boolean;
  /** It is several of one type: `u8[64]`. */
  isArray: boolean;
}

export interface Format {
  id: number;
  fields: Map<string, Field>;
}

export function parseFormat(text: string): Format {
  const fields = new Map<string, Field>();
  for (const [, declaration, offset, size, signed] of text.matchAll(
    /^\tfield:(.*?);\toffset:(\d+);\tsize:(\d+);\tsigned:(\d);$/gm,
  )) {
    const [, name, array] = /(\w+)((?:\[\d*\])?)$/.exec(declaration!)!;
    fields.set(name!, {
      name: name!,
      offset: Number(offset),
      size: Number(size),
      isSigned: signed === '1',
      isElsewhere: declaration!.startsWith('__data_loc '),
      isArray: array !== '',
    });
  }
  return { id: Number(/^ID: (\d+)$/m.exec(text)![1]), fields };
}

// TypeScript for webpack, which has none.
import { transform } from 'esbuild';

interface LoaderContext {
  async(): (error: unknown, code?: string, map?: object) => void;
  resourcePath: string;
}

export default function load(this: LoaderContext, code: string): void {
  const done = this.async();
  transform(code, { loader: 'ts', target: 'node24' }).then(
    (result) => done(null, result.code),
    (error) => done(error),
  );
}

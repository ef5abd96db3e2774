/** The installed package itself: where its files are, from source and from `dist` alike, and its version. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of `package.json`; `examples/`, `docs/` and README.md are in it. */
export const packageRoot: string = findRoot(import.meta.dirname)

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version
}

function findRoot(from: string): string {
  for (let at = from; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at
    if (dirname(at) === at) throw new Error(`no package.json above ${from}`)
  }
}

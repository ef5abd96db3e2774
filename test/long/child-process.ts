/** Long work in processes of its own, beside each other and without the test runner; each prints one line of JSON as its result. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export async function runChild<T>(
  module: string,
  args: readonly (string | number)[],
  nodeArgs: readonly string[] = [],
): Promise<T> {
  const path = fileURLToPath(new URL(module, import.meta.url))
  const all = [...nodeArgs, path, ...args.map(String)]
  const { stdout } = await promisify(execFile)(process.execPath, all, { maxBuffer: 2 ** 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}

/** `pit artifacts export` and `import`: artifacts as a bundle, to take elsewhere. */
import { resolve } from 'node:path'
import type { BundleProgress } from '../../clients/artifact-bundles.ts'
import { expectPositionals, usageError, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, plural } from '../format.ts'

export const BUNDLE_USAGES: readonly string[] = [
  'export <folder> [<reference>…] [--query <query>] [--no-lineage]',
  'import <folder> [--keep-good]',
]

export const bundleOptions: Readonly<Record<string, OptionSpec>> = {
  query: { type: 'string', value: 'query', description: 'export: what this search finds (default: everything)' },
  'no-lineage': { type: 'boolean', description: 'export: without what they were made from' },
  'keep-good': { type: 'boolean', description: 'import: take what is good of a damaged bundle' },
}

export async function exportBundle(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd, signal } = invocation
  expectPositionals(args, ['folder'], { rest: true })
  const [folder, ...references] = args.positionals
  const query = args.text('query')
  if (query !== undefined && references.length > 0) throw usageError('references and --query exclude each other')
  const what = {
    ...(references.length === 0 ? {} : { references }),
    ...(query === undefined ? {} : { query: { text: query } }),
    lineage: !args.flag('no-lineage'),
  }
  await using pit = await invocation.open({ resume: 'manual' })
  const options = { ...what, signal, onProgress: drawing(invocation) }
  const result = await pit.artifacts.exportBundle(resolve(cwd, folder!), options).finally(() => output.progress(''))
  output.document(result)
  output.print(`${plural(result.artifacts, 'artifact')} (${formatBytes(result.bytes)}) in ${folder}`)
  for (const { hash, code } of result.skipped) output.failure(`${hash}: ${code}`)
  output.note(`cd ${folder} && sha256sum -c --quiet SHA256SUMS confirms it`)
  return result.skipped.length === 0 ? ExitCode.Ok : ExitCode.Failed
}

export async function importBundle(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd, signal } = invocation
  expectPositionals(args, ['folder'])
  const keepGood = args.flag('keep-good')
  await using pit = await invocation.open({ resume: 'manual' })
  const options = { keepGood, signal, onProgress: drawing(invocation) }
  const folder = resolve(cwd, args.positionals[0]!)
  const result = await pit.artifacts.importBundle(folder, options).finally(() => output.progress(''))
  output.document(result)
  const { artifacts, bytes, stored, merged, conflicts, damaged } = result
  output.print(`${plural(artifacts, 'artifact')} (${formatBytes(bytes)}): ${stored} new, ${merged} with something new`)
  for (const name of conflicts) output.note(`kept as it is here: ${name}`)
  for (const hash of damaged) output.failure(`${hash}: damaged or missing in the bundle`)
  return damaged.length === 0 ? ExitCode.Ok : ExitCode.Failed
}

function drawing({ output }: Invocation): (progress: BundleProgress) => void {
  return ({ artifacts, bytes }) => output.progress(`${plural(artifacts, 'artifact')}, ${formatBytes(bytes)}`)
}

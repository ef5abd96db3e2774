/** `pit digest`: the main job. Digests folders of texts into one Markdown report. */
import { existsSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { ItemError } from '../../../actors/dag-tracker/index.ts'
import type { ExecutionResult } from '../../../actors/dag-tracker/protocol.ts'
import type { ContentHash } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import { packageRoot } from '../../package.ts'
import type { Pit } from '../../pit.ts'
import { loadWorkflow } from '../../workflow-source.ts'
import type { Arguments, Command, Invocation } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { startAndFollow, type FollowedRun } from '../follow-run.ts'
import { formatDuration, plural, printable } from '../format.ts'
import type { Output } from '../output.ts'
import { selfCommand } from '../self-command.ts'
import { executionOptions, exitCodeOfRun, noteFailures } from './run.ts'

/** What is digested when no folder is named: of the current folder, or else of this package. */
const DEFAULT_INPUTS = ['README.md', 'docs', join('examples', 'documents')] as const

/** The report's name in the Artifact Store; each different report is a version of it. */
const REPORT_NAME = 'digest-report'

type Skipped = Pick<ItemError, 'item' | 'code' | 'message'>

/** More lines than this about skipped files help nobody; all are in the report. */
const SKIPPED_LINES_MAX = 20

export const digestCommand: Command = {
  name: 'digest',
  summary: 'Digests folders of texts into one Markdown report',
  usage: ['[folder or file]… [--glob <pattern>] [options]'],
  options: {
    glob: { type: 'string', value: 'pattern', description: "files to take (default '**/*.{md,txt}')" },
    title: { type: 'string', value: 'text', description: 'title of the report' },
    ...executionOptions,
  },
  details: `Without folders: README.md, docs/ and examples/documents/ of the current folder, or of this package if it has none of
them. Language, keywords, summary, embedding and related documents of every file; a file that cannot be read is skipped
and listed with its code. An unfinished digest of the same folders is taken up again; an unchanged file is answered
from cache.`,
  async run(invocation) {
    const { args, output, cwd } = invocation
    const folders = foldersOf(args.positionals, cwd)
    const definition = await loadWorkflow(join(packageRoot, 'examples', 'digest', 'digest.yaml'))
    const pattern = args.text('glob')
    const title = args.text('title')
    const runId = args.text('run-id')
    await using pit = await invocation.open({ resume: 'manual' })
    output.note(`digesting ${folders.map((path) => relative(cwd, path) || '.').join(', ')}`)
    const run = await startAndFollow(invocation, pit, definition, {
      inputs: {
        folders,
        ...(pattern === undefined ? {} : { pattern }),
        ...(title === undefined ? {} : { title }),
      },
      roots: folders,
      cache: !args.flag('no-cache'),
      ...(runId === undefined ? {} : { runId }),
    })
    return await report(invocation, pit, run, {
      folders,
      pattern: pattern ?? String(definition.inputs?.pattern?.default),
      strict: args.flag('strict'),
    })
  },
}

/** Checked before anything runs: a folder that is not there is a mistake, not an empty digest. */
function foldersOf(named: readonly string[], cwd: string): readonly string[] {
  if (named.length > 0) {
    const folders = named.map((path) => resolve(cwd, path))
    const missing = folders.find((path) => !existsSync(path))
    if (missing !== undefined) throw hostErrors.fail('FOLDER_NOT_FOUND', { path: missing })
    return folders
  }
  const below = (root: string): readonly string[] =>
    DEFAULT_INPUTS.map((path) => join(root, path)).filter((path) => existsSync(path))
  return below(cwd).length > 0 ? below(cwd) : below(packageRoot)
}

interface ReportOptions {
  readonly folders: readonly string[]
  readonly pattern: string
  readonly strict: boolean
}

async function report(
  { output, args }: Invocation,
  pit: Pit,
  run: FollowedRun,
  options: ReportOptions,
): Promise<ExitCode> {
  const { result } = run
  if (result.state !== 'completed') {
    output.document(result)
    noteFailures(output, result)
    return exitCodeOfRun(result, options.strict)
  }
  const { report: text, documents, files, ...left } = result.outputs as unknown as DigestOutputs
  const skipped = [
    ...left.skipped,
    ...left.unreadable.map(({ path, ...why }) => ({ item: { relativePath: path }, ...why })),
  ]
  const hash = await storeReport(pit, text, result)
  output.document({ ...result, report: { hash, name: REPORT_NAME } })
  output.print(text)
  noteSkipped(output, skipped)
  for (const line of footer(pit, run, { hash, read: documents.length, skipped: skipped.length, args }))
    output.note(line)
  if (documents.length === 0) {
    const codes = [...new Set(skipped.map(({ code }) => code))].join(', ') || 'none'
    const { folders, pattern } = options
    const fields = { folders: folders.join(', '), pattern, files, skipped: skipped.length, codes }
    const error = hostErrors.fail('NOTHING_READABLE', fields)
    // With --json the document above is the one document; the exit code and its counts say the rest.
    if (!output.json) output.error(error)
    return ExitCode.Skipped
  }
  // A file that cannot be read is a fact about the folder; a model that fails on one is a failure of ours.
  if (!skipped.every(({ code }) => code.startsWith('FILE_'))) return ExitCode.Failed
  return options.strict && skipped.length > 0 ? ExitCode.Skipped : ExitCode.Ok
}

interface DigestOutputs {
  readonly report: string
  readonly documents: readonly unknown[]
  readonly skipped: readonly ItemError[]
  /** What could not even be looked at: links that lead nowhere, names that are no UTF-8, closed folders. */
  readonly unreadable: readonly { readonly path: string; readonly code: string; readonly message: string }[]
  readonly files: number
}

/** The report becomes a version of its own name unless the newest version is the same. */
async function storeReport(pit: Pit, text: string, result: ExecutionResult): Promise<ContentHash> {
  const createdBy = { tenant: result.tenant, runId: result.runId, nodeId: 'report' }
  const hash = await pit.storeArtifact(text, {
    contentType: 'text/markdown',
    name: `${REPORT_NAME}.md`,
    tags: ['report', 'digest'],
    createdBy,
  })
  const [newest] = await pit.artifacts.versions(REPORT_NAME)
  if (newest?.hash !== hash) await pit.artifacts.addVersion(REPORT_NAME, hash, { message: `run ${result.runId}` })
  return hash
}

function noteSkipped(output: Output, skipped: readonly Skipped[]): void {
  for (const { item, code, message } of skipped.slice(0, SKIPPED_LINES_MAX)) {
    const path = (item as { relativePath?: unknown } | null)?.relativePath
    output.note(`${output.style('yellow', 'skipped')} ${printable(`${String(path)}: ${code}: ${message}`)}`)
  }
  if (skipped.length > SKIPPED_LINES_MAX)
    output.note(`… and ${skipped.length - SKIPPED_LINES_MAX} more, see the report`)
}

interface FooterFacts {
  readonly hash: ContentHash
  readonly read: number
  readonly skipped: number
  readonly args: Arguments
}

/** Time, files, nodes, models, and where everything is. */
function footer(
  pit: Pit,
  { result, durationMs }: FollowedRun,
  { hash, read, skipped, args }: FooterFacts,
): readonly string[] {
  const { counts, modelsUsed, runId } = result
  const models = modelsUsed.map(
    ({ model, invocations, totalMs }) => `${model} ${invocations}× (${formatDuration(totalMs)})`,
  )
  const fromCache = counts.cached > 0 && modelsUsed.length === 0
  return [
    '',
    `time       ${formatDuration(durationMs)}`,
    `files      ${read + skipped} found, ${read} read, ${skipped} skipped`,
    `nodes      ${plural(counts.completed, 'node')} completed, ${counts.cached} answered from cache`,
    fromCache ? 'models     answered from cache: no model ran' : `models     ${models.join(', ')}`,
    `data       ${pit.dataDir}`,
    `report     ${hash}`,
    `           ${selfCommand(`artifacts get ${hash.slice(0, 12)}`, args)}`,
    `run        ${runId}`,
    `           ${selfCommand(`inspect ${runId}`, args)}`,
  ]
}

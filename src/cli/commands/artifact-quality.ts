/** `pit artifacts quality`: the score of an artifact and what it rests on, feedback on it, and the artifacts by their scores. */
import type { ArtifactQuality } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import type { Pit } from '../../pit.ts'
import { expectPositionals, usageError, type Arguments, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, formatTable, plural, printable } from '../format.ts'

export const QUALITY_USAGES: readonly string[] = [
  'quality <reference> [--feedback <0 to 1> [--by <who>] [--message <text>]]',
  'quality [--worst] [--limit <n>]',
]

export const qualityOptions: Readonly<Record<string, OptionSpec>> = {
  feedback: { type: 'string', value: '0 to 1', description: 'quality: what you think of it; again replaces it' },
  by: { type: 'string', value: 'who', description: 'quality: who gives the feedback (default the tenant)' },
  worst: { type: 'boolean', description: 'quality: without a reference, the worst first (default the best)' },
}

export async function quality(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [], { rest: true })
  const [reference, ...more] = args.positionals
  if (more.length > 0) throw usageError(`unexpected argument ${more[0]}`)
  const score = feedbackOf(args)
  if (reference === undefined && score !== undefined)
    throw usageError('--feedback is for one artifact: <reference> is missing')
  await using pit = await invocation.open({ resume: 'manual' })
  if (reference === undefined) return await ranking(pit, invocation)
  const found = await (score === undefined ? pit.artifacts.quality(reference) : give(pit, reference, score, invocation))
  if (found === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
  output.document(found)
  output.print(explained(found))
  return ExitCode.Ok
}

function feedbackOf(args: Arguments): number | undefined {
  const text = args.text('feedback')
  if (text === undefined) return undefined
  const score = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(score) || score > 1) throw usageError(`--feedback takes a number from 0 to 1, got ${text}`)
  return score
}

async function give(pit: Pit, reference: string, score: number, invocation: Invocation) {
  const { args } = invocation
  const hash = await pit.artifacts.resolve(reference)
  if (hash === null) return null
  const comment = args.text('message')
  const by = args.text('by') ?? invocation.config().config.tenant
  return pit.artifacts.feedback(hash, { by, score, ...(comment === undefined ? {} : { comment }) })
}

const share = (score: number): string => score.toFixed(2)

function explained({ score, components, feedback }: ArtifactQuality): string {
  const rows = components.map(({ component, score: part, weight, findings }) => [
    component,
    share(part),
    `${Math.round(weight * 100)} %`,
    findings.join('; '),
  ])
  const voices = feedback.map(({ by, score: given, comment }) =>
    printable(`${by} gave ${share(given)}${comment === undefined ? '' : `: ${comment}`}`),
  )
  return [share(score), formatTable(['COMPONENT', 'SCORE', 'WEIGHT', 'FOUND'], rows), ...voices].join('\n')
}

async function ranking(pit: Pit, { args, output }: Invocation): Promise<ExitCode> {
  const limit = args.integer('limit', 20)
  if (limit === 0) throw usageError('--limit takes a number from 1')
  const ranked = await pit.artifacts.ranked({ order: args.flag('worst') ? 'worst' : 'best', limit })
  output.document(ranked)
  const rows = ranked.map(({ hash, score, contentType, sizeBytes, name }) => [
    share(score),
    hash.slice(0, 12),
    `${name ?? '(no name)'}  ${contentType}  ${formatBytes(sizeBytes)}`,
  ])
  output.print(formatTable(['SCORE', 'HASH', 'ARTIFACT'], rows))
  output.note(`${plural(ranked.length, 'artifact')}; what came in the last moments may be missing`)
  return ExitCode.Ok
}

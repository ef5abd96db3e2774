/** `pit artifacts verify` and `repair`: whether everything stored is what it was, and mending what is not. */
import type { RepairResult, VerifyOptions, VerifyProgress, VerifyResult } from '../../clients/artifact-care.ts'
import { hostErrors } from '../../errors.ts'
import { expectPositionals, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, plural } from '../format.ts'
import { selfCommand } from '../self-command.ts'

export const CARE_USAGES: readonly string[] = [
  'verify [--rate <bytes per second>] [--after <position>] [--mirror]',
  'repair [--rate <bytes per second>]',
]

export const careOptions: Readonly<Record<string, OptionSpec>> = {
  rate: { type: 'string', value: 'n', description: 'verify, repair: read so many bytes per second at most' },
  mirror: { type: 'boolean', description: 'verify: read the copies in the mirror back as well' },
}

export async function verify(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [])
  const after = args.text('after')
  await using pit = await invocation.open({ resume: 'manual' })
  const options = { mirror: args.flag('mirror'), ...(after === undefined ? {} : { after }) }
  const result = await watched(invocation, (watching) => pit.artifacts.verify({ ...options, ...watching }))
  output.document(result)
  output.print(resultText(result))
  if (result.log.length > 0) output.note(`${selfCommand('artifacts repair', args)} writes the log anew`)
  return isWell(result) && result.log.length === 0 ? ExitCode.Ok : ExitCode.Failed
}

export async function repair(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [])
  await using pit = await invocation.open({ resume: 'manual' })
  const result = await watched(invocation, (watching) => pit.artifacts.repair(watching))
  output.document(result)
  output.print(resultText(result))
  if (result.log.length > 0) output.print(mendedText(result))
  return isWell(result) && result.mended ? ExitCode.Ok : ExitCode.Failed
}

/** Draws how far it is; what is interrupted says how to go on. */
async function watched<T>(
  { args, output, signal }: Invocation,
  run: (options: Pick<VerifyOptions, 'signal' | 'onProgress' | 'bytesPerSecond'>) => Promise<T>,
): Promise<T> {
  const bytesPerSecond = args.integer('rate', 0)
  let last: VerifyProgress | null = null
  const onProgress = (progress: VerifyProgress): void => {
    last = progress
    const { checked, checkedBytes, totals } = progress
    output.progress(`${checked} of ${totals.artifacts} artifacts, ${formatBytes(checkedBytes)} read`)
  }
  try {
    return await run({ signal, onProgress, ...(bytesPerSecond === 0 ? {} : { bytesPerSecond }) })
  } catch (error) {
    if (!signal.aborted || last === null) throw error
    const { position } = last as VerifyProgress
    const next = `${selfCommand(`artifacts verify --after ${position}`, args)} goes on from there`
    throw hostErrors.fail('INTERRUPTED', { next }, { cause: error })
  } finally {
    output.progress('')
  }
}

function isWell({ corrupt, unreadable }: VerifyResult): boolean {
  return corrupt.length === 0 && unreadable.length === 0
}

function resultText({ checked, checkedBytes, corrupt, repaired, unreadable, copies, log }: VerifyResult): string {
  const each = (hashes: readonly string[], what: string): readonly string[] => hashes.map((hash) => `${hash}  ${what}`)
  return [
    ...each(repaired, 'damaged, repaired from the mirror'),
    ...each(corrupt, 'damaged, quarantined; storing the content again repairs it'),
    ...each(unreadable, 'cannot be read now'),
    ...each(copies, 'its copy in the mirror is made again'),
    ...log.map(({ problem }) => `damaged: ${problem}`),
    `${plural(checked, 'artifact')} (${formatBytes(checkedBytes)}) verified: ${countsText(corrupt.length, repaired.length, unreadable.length)}`,
  ].join('\n')
}

function countsText(corrupt: number, repaired: number, unreadable: number): string {
  const said = [
    ...(corrupt === 0 ? [] : [`${corrupt} damaged`]),
    ...(repaired === 0 ? [] : [`${repaired} repaired`]),
    ...(unreadable === 0 ? [] : [`${unreadable} unreadable`]),
  ]
  return said.length === 0 ? 'all are what they were' : said.join(', ')
}

function mendedText({ mended }: RepairResult): string {
  return mended
    ? 'the log was written anew and is whole'
    : 'the log was left as it is: what is damaged in it would be gone for good'
}

/** `pit cleanup`: what may go; moves it to the trash, and brings it back. */
import type { CleanupResult } from '../../../actors/stale-manager/protocol.ts'
import { expectPositionals, usageError, type Command, type Invocation } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, formatTable, plural } from '../format.ts'
import { selfCommand } from '../self-command.ts'

export const cleanupCommand: Command = {
  name: 'cleanup',
  summary: 'Says which artifacts the retention policies let go, and moves them to the trash with --apply',
  usage: ['[--dry-run]', '--apply [--plan <id>] [--force]', '--undo <plan>'],
  options: {
    'dry-run': { type: 'boolean', description: 'change nothing (the default)' },
    apply: { type: 'boolean', description: 'move to the trash what the plan names' },
    plan: { type: 'string', value: 'id', description: 'only this very plan, as a dry run printed it' },
    force: { type: 'boolean', description: 'also when nearly everything would go' },
    undo: { type: 'string', value: 'plan', description: 'bring back what this cleanup moved to the trash' },
  },
  async run(invocation) {
    const { args } = invocation
    expectPositionals(args, [])
    if (['dry-run', 'apply'].filter((name) => args.flag(name)).length + Number(args.text('undo') !== undefined) > 1) {
      throw usageError('--dry-run, --apply and --undo exclude each other')
    }
    return args.text('undo') === undefined ? cleanup(invocation) : undo(invocation, args.text('undo')!)
  },
}

async function cleanup(invocation: Invocation): Promise<ExitCode> {
  const { args, output, signal } = invocation
  const planId = args.text('plan')
  const plan = planId === undefined ? {} : { planId }
  await using pit = await invocation.open({ resume: 'manual' })
  const result = await pit.runCleanup({ dryRun: !args.flag('apply'), force: args.flag('force'), ...plan, signal })
  output.document(result)
  output.print(resultText(result))
  if (result.deletions.length === 0) return ExitCode.Ok
  if (result.dryRun) output.note(`nothing was changed; ${selfCommand(`cleanup --apply --plan ${result.planId}`, args)}`)
  else output.note(`in the trash for now; ${selfCommand(`cleanup --undo ${result.planId}`, args)} brings it back`)
  return ExitCode.Ok
}

function resultText({ deletions, keptCount, bytes, skipped, examined, dryRun }: CleanupResult): string {
  const verb = dryRun ? 'would go' : 'went to the trash'
  const rows = deletions.map(({ hash, sizeBytes, rule, reason }) => [
    hash.slice(0, 12),
    formatBytes(sizeBytes),
    rule,
    reason,
  ])
  return [
    ...(rows.length === 0 ? [] : [formatTable(['ARTIFACT', 'SIZE', 'RULE', 'WHY'], rows), '']),
    ...skipped.map(({ hash, reason }) => `kept ${hash.slice(0, 12)}: ${reason}`),
    `${examined} examined, ${keptCount} kept, ${plural(deletions.length, 'artifact')} (${formatBytes(bytes)}) ${verb}`,
  ].join('\n')
}

async function undo(invocation: Invocation, planId: string): Promise<ExitCode> {
  const { output } = invocation
  await using pit = await invocation.open({ resume: 'manual' })
  const { restored } = await pit.retention.undo(planId)
  output.document({ planId, restored })
  output.print(`${plural(restored.length, 'artifact')} restored`)
  return ExitCode.Ok
}

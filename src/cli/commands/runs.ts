/** `pit runs`: the runs of this data directory, newest first. */
import { RunState } from '../../../actors/dag-tracker/protocol.ts'
import { expectPositionals, usageError, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatDuration, formatTable, formatTime } from '../format.ts'
import { doneOf } from '../progress.ts'

export const runsCommand: Command = {
  name: 'runs',
  summary: 'Lists runs, newest first',
  usage: ['[--state <state>] [--limit <n>]'],
  options: {
    state: { type: 'string', value: 'state', description: `only these: ${Object.values(RunState).join(', ')}` },
    limit: { type: 'string', value: 'n', description: 'at most so many (default 20)' },
  },
  async run(invocation) {
    const { args, output } = invocation
    expectPositionals(args, [])
    const state = args.text('state')
    if (state !== undefined && !isRunState(state)) {
      throw usageError(`--state takes one of ${Object.values(RunState).join(', ')}, got ${state}`)
    }
    const limit = args.integer('limit', 20)
    await using pit = await invocation.open({ resume: 'manual' })
    const runs = await pit.workflows.list({ limit, ...(state === undefined ? {} : { state }) })
    output.document(runs)
    const rows = runs.map(({ runId, workflow, state, createdAt, endedAt, counts }) => [
      runId,
      workflow,
      state,
      `${doneOf(counts)}/${counts.total}`,
      String(counts.cached),
      formatTime(createdAt),
      endedAt === null ? '–' : formatDuration(endedAt - createdAt),
    ])
    output.print(formatTable(['RUN', 'WORKFLOW', 'STATE', 'NODES', 'CACHED', 'STARTED', 'TOOK'], rows))
    return ExitCode.Ok
  },
}

function isRunState(text: string): text is RunState {
  return (Object.values(RunState) as readonly string[]).includes(text)
}

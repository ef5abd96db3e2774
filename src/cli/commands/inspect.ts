/** `pit inspect`: one run and its nodes. */
import type { ExecutionResult, NodeReport } from '../../../actors/dag-tracker/protocol.ts'
import { expectPositionals, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatDuration, formatTable, formatTime } from '../format.ts'
import { countsLine } from '../progress.ts'

const NODES_SHOWN = 100

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Shows one run: how it stands, its nodes with times, attempts and errors, its artifacts',
  usage: ['<run> [--all]'],
  options: {
    all: { type: 'boolean', description: `every node, not only the first ${NODES_SHOWN}` },
  },
  async run(invocation) {
    const { args, output } = invocation
    expectPositionals(args, ['run'])
    await using pit = await invocation.open({ resume: 'manual' })
    const inspected = await pit.workflows.inspect(args.positionals[0]!)
    output.document(inspected)
    const { run, nodes } = inspected
    const shown = args.flag('all') ? nodes : nodes.slice(0, NODES_SHOWN)
    output.print([...runLines(run), '', nodeTable(shown)].join('\n'))
    if (shown.length < nodes.length) output.note(`… and ${nodes.length - shown.length} more nodes: --all`)
    return ExitCode.Ok
  },
}

function runLines(run: ExecutionResult): readonly string[] {
  const took = run.endedAt === null ? 'not ended' : formatDuration(run.endedAt - run.createdAt)
  const models = run.modelsUsed.map(
    ({ model, invocations, totalMs }) => `${model} ${invocations}× (${formatDuration(totalMs)})`,
  )
  return [
    `run       ${run.runId}`,
    `workflow  ${run.workflow}`,
    `tenant    ${run.tenant}`,
    `state     ${run.state}`,
    `started   ${formatTime(run.createdAt)}, ${took}${run.resumed > 0 ? `, resumed ${run.resumed}×` : ''}`,
    `nodes     ${run.counts.total}: ${countsLine(run.counts)}`,
    ...(models.length === 0 ? [] : [`models    ${models.join(', ')}`]),
    ...run.failures.map(({ nodeId, code, message }) => `failed    ${nodeId}: ${code}: ${message}`),
    ...Object.entries(run.artifacts)
      .slice(0, NODES_SHOWN)
      .map(([nodeId, hash]) => `artifact  ${hash}  ${nodeId}`),
  ]
}

function nodeTable(nodes: readonly NodeReport[]): string {
  const rows = nodes.map(({ nodeId, kind, state, attempts, startedAt, endedAt, cached, error }) => [
    nodeId,
    kind,
    state,
    cached ? 'cache' : String(attempts),
    startedAt === null || endedAt === null ? '–' : formatDuration(endedAt - startedAt),
    error === undefined ? '' : `${error.code}: ${error.message}`,
  ])
  return formatTable(['NODE', 'KIND', 'STATE', 'ATTEMPTS', 'TOOK', 'ERROR'], rows)
}

/** `pit resume`: takes unfinished runs up again and follows them to their end. */
import type { ExecutionResult } from '../../../actors/dag-tracker/protocol.ts'
import { expectPositionals, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { resumeAndFollow } from '../follow-run.ts'
import { executionOptions, exitCodeOfRun, noteFailures } from './run.ts'

const UNFINISHED = new Set<string>(['pending', 'running', 'paused'])
const LIST_LIMIT = 1_000

export const resumeCommand: Command = {
  name: 'resume',
  summary: 'Takes one unfinished run up again, or all, and follows them to their end',
  usage: ['[run]'],
  options: { model: executionOptions.model!, strict: executionOptions.strict! },
  details: 'What was completed is not repeated; what was in flight runs again with the same idempotency key.',
  async run(invocation) {
    const { args, output } = invocation
    expectPositionals(args, [], { rest: true })
    await using pit = await invocation.open({ resume: 'manual' })
    const runIds =
      args.positionals.length > 0
        ? args.positionals
        : (await pit.workflows.list({ limit: LIST_LIMIT }))
            .filter(({ state }) => UNFINISHED.has(state))
            .map(({ runId }) => runId)
    if (runIds.length === 0) output.note('there is no unfinished run')
    const results: ExecutionResult[] = []
    for (const runId of runIds) {
      const { result } = await resumeAndFollow(invocation, pit, runId)
      results.push(result)
      noteFailures(output, result)
      output.print(`${runId} ${result.state}`)
    }
    output.document(results)
    return results.map((result) => exitCodeOfRun(result, args.flag('strict'))).find((code) => code !== 0) ?? ExitCode.Ok
  },
}

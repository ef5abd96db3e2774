/** `pit cancel`: ends an unfinished run for good. */
import { expectPositionals, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { countsLine } from '../progress.ts'

export const cancelCommand: Command = {
  name: 'cancel',
  summary: 'Ends an unfinished run for good; what it completed stays',
  usage: ['<run> [--reason <text>]'],
  options: { reason: { type: 'string', value: 'text', description: 'kept with the run' } },
  async run(invocation) {
    const { args, output } = invocation
    expectPositionals(args, ['run'])
    const reason = args.text('reason')
    await using pit = await invocation.open({ resume: 'manual' })
    const run = await pit.workflows.cancel(args.positionals[0]!, reason === undefined ? {} : { reason })
    output.document(run)
    output.print(`${run.runId} ${run.state}: ${countsLine(run.counts)}`)
    return ExitCode.Ok
  },
}

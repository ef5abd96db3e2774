/** `pit validate`: all problems of workflow files, each with its place. */
import { formatProblem } from '../../../actors/dag-tracker/index.ts'
import { readWorkflow } from '../../workflow-source.ts'
import { expectPositionals, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { plural } from '../format.ts'

export const validateCommand: Command = {
  name: 'validate',
  summary: 'Checks workflow files and prints every problem as file:line:column',
  usage: ['<workflow.yaml>…'],
  options: { strict: { type: 'boolean', description: 'warnings count as errors' } },
  async run({ args, output, cwd }) {
    expectPositionals(args, ['workflow.yaml'], { rest: true })
    const files = await Promise.all(
      args.positionals.map(async (file) => ({ file, problems: (await readWorkflow(file, cwd)).problems })),
    )
    const all = files.flatMap(({ problems }) => problems)
    const errors = all.filter(({ severity }) => severity === 'error' || args.flag('strict'))
    output.document({ valid: errors.length === 0, files })
    for (const problem of all)
      output.print(`${formatProblem(problem)}${problem.severity === 'warning' ? ' [warning]' : ''}`)
    const warnings = all.length - errors.length
    const found = `${plural(errors.length, 'error')}${warnings > 0 ? `, ${plural(warnings, 'warning')}` : ''}`
    output.note(`${plural(files.length, 'file')} checked: ${found}`)
    return errors.length === 0 ? ExitCode.Ok : ExitCode.Failed
  },
}

/** `pit graph`: a workflow as a picture. */
import { workflowToDot, workflowToGraphlib, workflowToMermaid } from '../../../actors/dag-tracker/index.ts'
import { loadWorkflow } from '../../workflow-source.ts'
import { expectPositionals, usageError, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'

const FORMATS = ['mermaid', 'dot', 'json'] as const

export const graphCommand: Command = {
  name: 'graph',
  summary: 'Prints the graph of a workflow as Mermaid, DOT or graphlib JSON',
  usage: ['<workflow.yaml> [--format mermaid|dot|json]'],
  options: {
    format: { type: 'string', value: 'format', description: `one of ${FORMATS.join(', ')} (default mermaid)` },
  },
  async run({ args, output, cwd }) {
    expectPositionals(args, ['workflow.yaml'])
    const format = args.text('format') ?? (output.json ? 'json' : 'mermaid')
    if (!(FORMATS as readonly string[]).includes(format)) {
      throw usageError(`--format takes one of ${FORMATS.join(', ')}, got ${format}`)
    }
    const definition = await loadWorkflow(args.positionals[0]!, cwd)
    const graph = workflowToGraphlib(definition)
    output.document(graph)
    if (format === 'mermaid') output.print(workflowToMermaid(definition))
    else if (format === 'dot') output.print(workflowToDot(definition))
    else output.print(JSON.stringify(graph, null, 2))
    return ExitCode.Ok
  },
}

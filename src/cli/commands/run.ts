/** `pit run`: one workflow from a file, to its end. */
import type { ExecutionResult } from '../../../actors/dag-tracker/protocol.ts'
import { resolve } from 'node:path'
import { loadWorkflow } from '../../workflow-source.ts'
import { expectPositionals, type Command, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { startAndFollow } from '../follow-run.ts'
import { readInputs } from '../inputs.ts'
import type { Output } from '../output.ts'

/** Options of every command that executes workflows. */
export const executionOptions: Readonly<Record<string, OptionSpec>> = {
  model: {
    type: 'string',
    multiple: true,
    value: 'id=spec',
    description: 'adds or replaces a model: id=openai:<url>#<model> or id=module:<path>#<export>; repeatable',
  },
  'run-id': { type: 'string', value: 'id', description: 'id of the run; an existing one of the same workflow goes on' },
  tenant: { type: 'string', value: 'name', description: 'on whose behalf it runs' },
  strict: { type: 'boolean', description: 'exit code 3 when anything was skipped' },
  'no-cache': { type: 'boolean', description: 'neither read nor write cached results' },
}

export const runCommand: Command = {
  name: 'run',
  summary: 'Runs a workflow from a YAML or JSON file',
  usage: ['<workflow.yaml> [--input key=value]… [options]'],
  options: {
    input: { type: 'string', multiple: true, short: 'i', value: 'key=value', description: 'an input; repeatable' },
    'input-file': { type: 'string', value: 'file', description: 'inputs by name, YAML or JSON; --input wins over it' },
    root: {
      type: 'string',
      multiple: true,
      value: 'folder',
      description: 'folder that file operators may use; repeatable (default: the current one)',
    },
    ...executionOptions,
  },
  details: `Inputs are read by their declared type: numbers, true, false, lists and objects as JSON, text as it is; a list may
also be given by repeating --input. An unfinished run of the same workflow and inputs is taken up again. Output:
a single text output as it is, else one line per output; with --json the whole result.`,
  async run(invocation) {
    const { args, output, cwd } = invocation
    expectPositionals(args, ['workflow.yaml'])
    const definition = await loadWorkflow(args.positionals[0]!, cwd)
    const inputs = readInputs(args, definition, cwd)
    const roots = args.list('root').length === 0 ? [cwd] : args.list('root').map((folder) => resolve(cwd, folder))
    const runId = args.text('run-id')
    await using pit = await invocation.open({ resume: 'manual' })
    const { result } = await startAndFollow(invocation, pit, definition, {
      inputs,
      roots,
      cache: !args.flag('no-cache'),
      ...(runId === undefined ? {} : { runId }),
    })
    output.document(result)
    printOutputs(output, result)
    noteFailures(output, result)
    return exitCodeOfRun(result, args.flag('strict'))
  },
}

/** A single text output is printed as it is, so that it can be piped on; several are named. */
export function printOutputs(output: Output, result: ExecutionResult): void {
  const outputs = Object.entries(result.outputs)
  if (outputs.length === 1 && typeof outputs[0]![1] === 'string') return output.print(outputs[0]![1])
  for (const [name, value] of outputs) {
    output.print(
      `${name}: ${typeof value === 'string' && !value.includes('\n') ? value : JSON.stringify(value, null, 2)}`,
    )
  }
}

export function noteFailures(output: Output, result: ExecutionResult): void {
  for (const { nodeId, code, message } of result.failures) {
    output.failure(`${nodeId === '' ? '' : `${nodeId}: `}${code}: ${message}`)
  }
}

export function exitCodeOfRun(result: ExecutionResult, strict: boolean): ExitCode {
  if (result.state !== 'completed') return ExitCode.Failed
  return strict && (result.counts.failed > 0 || result.failures.length > 0) ? ExitCode.Skipped : ExitCode.Ok
}

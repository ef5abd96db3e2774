/** `pit models`: what can be run, and in which state it is. */
import { expectPositionals, usageError, type Command, type Invocation } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, formatDuration, formatTable, formatTime } from '../format.ts'
import type { ModelInfo } from '../../../actors/pool-manager/protocol.ts'
import { executionOptions } from './run.ts'

export const modelsCommand: Command = {
  name: 'models',
  summary: 'Lists models, loads and unloads them, explains their state',
  usage: ['[list]', 'load <model>', 'unload <model>', 'explain <model>'],
  options: { model: executionOptions.model! },
  details: 'Models live as long as the process: `load` tries whether a model can be loaded, and how long that takes.',
  async run(invocation) {
    const [action = 'list', ...rest] = invocation.args.positionals
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action as Action] : undefined
    if (run === undefined) throw usageError(`models takes one of ${Object.keys(ACTIONS).join(', ')}, got ${action}`)
    return run({ ...invocation, args: { ...invocation.args, positionals: rest } })
  },
}

type Action = 'list' | 'load' | 'unload' | 'explain'

const ACTIONS: Readonly<Record<Action, (invocation: Invocation) => Promise<ExitCode>>> = {
  list,
  load: (invocation) => change(invocation, 'load'),
  unload: (invocation) => change(invocation, 'unload'),
  explain,
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, [])
  await using pit = await invocation.open({ resume: 'manual' })
  const models = await pit.models.list()
  output.document(models)
  output.print(modelTable(models))
  return ExitCode.Ok
}

async function change(invocation: Invocation, action: 'load' | 'unload'): Promise<ExitCode> {
  const { args, output, signal } = invocation
  expectPositionals(args, ['model'])
  await using pit = await invocation.open({ resume: 'manual' })
  const startedAt = performance.now()
  const info = await pit.models[action](args.positionals[0]!, { signal })
  output.document(info)
  output.print(modelTable([info]))
  output.note(`${action}ed in ${formatDuration(performance.now() - startedAt)}`)
  return ExitCode.Ok
}

async function explain(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['model'])
  await using pit = await invocation.open({ resume: 'manual' })
  const explained = await pit.models.explain(args.positionals[0]!)
  output.document(explained)
  const rows = explained.history.map(({ at, from, to, durationMs, reason }) => [
    formatTime(at),
    from,
    to,
    formatDuration(durationMs),
    reason,
  ])
  output.print(modelTable([explained.info]))
  if (rows.length > 0) output.print(`\n${formatTable(['AT', 'FROM', 'TO', 'AFTER', 'WHY'], rows)}`)
  return ExitCode.Ok
}

function modelTable(models: readonly ModelInfo[]): string {
  const rows = models.map((model) => [
    model.id,
    model.state,
    model.backend,
    model.version,
    `${model.leased}/${model.slots}`,
    formatBytes(model.memoryBytes),
    model.reason,
  ])
  return formatTable(['MODEL', 'STATE', 'BACKEND', 'VERSION', 'LEASED', 'MEMORY', 'WHY'], rows)
}

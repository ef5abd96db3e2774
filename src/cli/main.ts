/** From the command line to an exit code: finds the command, parses its options, runs it, says what went wrong. */
import { parseArgs } from 'node:util'
import { isPitError } from '../../runtime/index.ts'
import { packageVersion } from '../package.ts'
import { artifactsCommand } from './commands/artifacts.ts'
import { cancelCommand } from './commands/cancel.ts'
import { cleanupCommand } from './commands/cleanup.ts'
import { configCommand } from './commands/config.ts'
import { digestCommand } from './commands/digest.ts'
import { doctorCommand } from './commands/doctor.ts'
import { graphCommand } from './commands/graph.ts'
import { inspectCommand } from './commands/inspect.ts'
import { modelsCommand } from './commands/models.ts'
import { resumeCommand } from './commands/resume.ts'
import { runCommand } from './commands/run.ts'
import { runsCommand } from './commands/runs.ts'
import { validateCommand } from './commands/validate.ts'
import { createArguments, globalOptions, parseArgsConfig, usageError, type Arguments, type Command } from './command.ts'
import { ExitCode, exitCodeOf } from './exit-codes.ts'
import { commandHelp, generalHelp } from './help.ts'
import { createInvocation } from './invocation.ts'
import { watchInterrupts } from './interrupts.ts'
import { createOutput } from './output.ts'

export const commands: readonly Command[] = [
  digestCommand,
  runCommand,
  runsCommand,
  inspectCommand,
  resumeCommand,
  cancelCommand,
  validateCommand,
  graphCommand,
  artifactsCommand,
  modelsCommand,
  cleanupCommand,
  doctorCommand,
  configCommand,
]

/** Runs one command line (without `node pit`) and gives the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = argv
  const output = createOutput({ json: argv.includes('--json'), quiet: argv.includes('--quiet') || argv.includes('-q') })
  const interrupts = watchInterrupts()
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      const topic = rest[0] === undefined ? undefined : findCommand(rest[0])
      process.stdout.write(`${topic === undefined ? generalHelp(commands) : commandHelp(topic)}\n`)
      return name === undefined ? ExitCode.Usage : ExitCode.Ok
    }
    if (name === '--version' || name === '-V') {
      process.stdout.write(`${packageVersion()}\n`)
      return ExitCode.Ok
    }
    const command = findCommand(name)
    const args = parse(command, rest)
    if (args.flag('help')) {
      process.stdout.write(`${commandHelp(command)}\n`)
      return ExitCode.Ok
    }
    return await command.run(createInvocation(args, output, interrupts.signal))
  } catch (thrown) {
    // Calls that the interrupt has cancelled say so in their own words.
    const interrupted = interrupts.signal.aborted && isPitError(thrown, 'CANCELLED')
    const error: unknown = interrupted ? interrupts.signal.reason : thrown
    output.error(error)
    return exitCodeOf(error)
  } finally {
    output.progress('')
    interrupts.stop()
  }
}

function findCommand(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) {
    throw usageError(`there is no command ${name}; there are ${commands.map((known) => known.name).join(', ')}`)
  }
  return command
}

function parse(command: Command, argv: readonly string[]): Arguments {
  try {
    const options = parseArgsConfig({ ...globalOptions, ...command.options })
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
    return createArguments(values, positionals)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    throw usageError(`${(error as Error).message} (pit ${command.name} --help)`)
  }
}

/** `pit config`: what is configured, and where from. */
import { configKeys, type ConfigKeyName } from '../../config.ts'
import { environmentName } from '../../config-sources.ts'
import { usageError, type Command } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatTable } from '../format.ts'

export const configCommand: Command = {
  name: 'config',
  summary: 'Shows the configuration and where each value comes from',
  usage: ['show [--origin]', 'keys'],
  options: { origin: { type: 'boolean', description: 'show: where each value comes from' } },
  details: 'Sources, each over the one before: configuration file, PIT_* variables, flags. `keys` lists all keys.',
  run(invocation) {
    const { args, output } = invocation
    const [action = 'show'] = args.positionals
    if (action !== 'show' && action !== 'keys') throw usageError(`config takes one of show, keys, got ${action}`)
    const names = Object.keys(configKeys) as ConfigKeyName[]
    if (action === 'keys') {
      const keys = names.map((key) => ({ key, environment: environmentName(key), ...describeKey(key) }))
      output.document(keys)
      const rows = keys.map(({ key, environment, fallback, description }) => [
        key,
        environment,
        JSON.stringify(fallback),
        description,
      ])
      output.print(formatTable(['KEY', 'ENVIRONMENT', 'DEFAULT', 'WHAT'], rows))
      return Promise.resolve(ExitCode.Ok)
    }
    const { config, origins } = invocation.config()
    const withOrigin = args.flag('origin')
    output.document(withOrigin ? names.map((key) => ({ key, value: config[key], origin: origins[key] })) : config)
    const rows = names.map((key) => [key, JSON.stringify(config[key]), ...(withOrigin ? [origins[key]] : [])])
    output.print(formatTable(['KEY', 'VALUE', ...(withOrigin ? ['ORIGIN'] : [])], rows))
    return Promise.resolve(ExitCode.Ok)
  },
}

function describeKey(key: ConfigKeyName): { fallback: unknown; description: string } {
  const { fallback, description } = configKeys[key]
  return { fallback, description }
}

/** One run of a command: its configuration from file, environment and flags, and the Pit opened with it. */
import { resolveConfig, type ConfigSource, type PitConfig } from '../config.ts'
import { environmentSources, fileSources, valueFromText } from '../config-sources.ts'
import { openPit } from '../pit.ts'
import { usageError, type Arguments, type Invocation } from './command.ts'
import type { Output } from './output.ts'

export function createInvocation(args: Arguments, output: Output, signal: AbortSignal): Invocation {
  const cwd = process.cwd()
  const config = (overrides: PitConfig = {}) =>
    resolveConfig([
      ...fileSources(args.text('config'), process.env, cwd),
      ...environmentSources(process.env, cwd),
      ...flagSources(args, cwd),
      { origin: 'command', values: overrides, baseDir: cwd },
    ])
  return {
    args,
    output,
    signal,
    cwd,
    config: () => config(),
    async open(overrides) {
      signal.throwIfAborted()
      const { pit } = await openPit(config(overrides).config)
      return pit
    },
  }
}

/** Each flag is a source of its own, so that a message names it. */
function flagSources(args: Arguments, baseDir: string): readonly ConfigSource[] {
  const sources: ConfigSource[] = args.list('set').map((pair) => {
    const [key, text] = keyAndValue('set', pair)
    return { origin: `flag --set ${key}`, values: { [key]: valueFromText(key, text) }, baseDir }
  })
  const dataDir = args.text('data-dir')
  if (dataDir !== undefined) sources.push({ origin: 'flag --data-dir', values: { dataDir }, baseDir })
  const tenant = args.text('tenant')
  if (tenant !== undefined) sources.push({ origin: 'flag --tenant', values: { tenant }, baseDir })
  const models = args.list('model')
  if (models.length > 0) sources.push({ origin: 'flag --model', values: { models }, baseDir })
  return sources
}

/** `key=value`; the value may hold further `=`. */
export function keyAndValue(option: string, pair: string): readonly [string, string] {
  const at = pair.indexOf('=')
  if (at < 1) throw usageError(`--${option} takes key=value, got ${pair}`)
  return [pair.slice(0, at), pair.slice(at + 1)]
}

/** Help texts, made from what the commands declare. */
import { packageVersion } from '../package.ts'
import { globalOptions, type Command, type OptionSpec } from './command.ts'
import { EXIT_CODE_HELP } from './exit-codes.ts'

export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    `pit ${packageVersion()} – infrastructure runtime for AI workflows`,
    '',
    'Usage: pit <command> [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Options of every command:',
    ...optionLines(globalOptions),
    '  --version                 the version',
    '',
    'Exit codes:',
    ...EXIT_CODE_HELP.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`),
    '',
    '`pit <command> --help` says more.',
  ].join('\n')
}

export function commandHelp(command: Command): string {
  const usage = command.usage.map((form) => `pit ${command.name}${form === '' ? '' : ` ${form}`}`)
  const own = optionLines(command.options)
  return [
    `${command.summary}.`,
    '',
    ...usage.map((form, index) => `${index === 0 ? 'Usage: ' : '       '}${form}`),
    ...(own.length === 0 ? [] : ['', 'Options:', ...own]),
    '',
    'Options of every command:',
    ...optionLines(globalOptions),
    ...(command.details === undefined ? [] : ['', command.details]),
  ].join('\n')
}

const FORM_WIDTH = 24

function optionLines(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).map(([name, { short, value, description }]) => {
    const form = `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`
    return `  ${form.padEnd(FORM_WIDTH)}  ${description}`
  })
}

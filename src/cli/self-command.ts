/** How the user would start this very command again: for hints that can be copied and work. */
import { relative } from 'node:path'
import type { Arguments } from './command.ts'

/** `pit`, `npx pit` or `npx node src/cli/pit.ts`, with the data directory when it was given as a flag. */
export function selfCommand(
  rest: string,
  args: Arguments,
  script = process.argv[1] ?? '',
  cwd = process.cwd(),
): string {
  const dataDir = args.text('data-dir')
  return [program(script, cwd), rest, ...(dataDir === undefined ? [] : ['--data-dir', quoted(dataDir)])].join(' ')
}

function program(script: string, cwd: string): string {
  // From source npm has no `pit` to offer, and the machine's own Node may be an older one.
  if (script.endsWith('.ts')) return `npx node ${quoted(relative(cwd, script))}`
  return script.includes('node_modules') ? 'npx pit' : 'pit'
}

function quoted(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

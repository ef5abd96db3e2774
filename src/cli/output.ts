/**
 * What a command writes. Standard output carries the result and nothing else: text, or with `--json` exactly one JSON
 * document – also for errors, as `{ "error": { code, message, … } }`. Progress, notes and errors for people go to
 * standard error.
 */
import { writeSync } from 'node:fs'
import { styleText } from 'node:util'
import { errorToWire, isPitError, type PitError } from '../../runtime/index.ts'
import type { Problem } from '../../actors/dag-tracker/index.ts'
import { formatProblem } from '../../actors/dag-tracker/index.ts'

type Style = Parameters<typeof styleText>[0]

export interface Output {
  readonly json: boolean
  readonly quiet: boolean
  /** Whether progress may be redrawn in place. */
  readonly live: boolean
  readonly columns: number
  /** The result, as text; nothing with `--json`. Ends the line. */
  print(text: string): void
  /** Bytes of the result as they are, in place of a JSON document. Resolves when more may follow: false when nobody reads. */
  raw(content: Uint8Array): Promise<boolean>
  /** The result, as the one JSON document; nothing without `--json`. */
  document(value: unknown): void
  /** A line for people; nothing with `--quiet` or `--json`. */
  note(text: string): void
  /** What failed, although the result is there: also with `--quiet`, nothing with `--json`. */
  failure(text: string): void
  error(error: unknown): void
  /** Redraws the progress line; an empty one removes it. */
  progress(text: string): void
  /** Coloured when standard error is a terminal and neither NO_COLOR nor a pipe forbids it. */
  style(style: Style, text: string): string
}

const COLUMNS_DEFAULT = 100

export function createOutput(options: { readonly json: boolean; readonly quiet: boolean }): Output {
  const { json, quiet } = options
  const live = process.stderr.isTTY && !json && !quiet
  let drawn = false
  ignoreClosedPipes()

  const clear = (): void => {
    if (drawn) process.stderr.write('\r\u001B[2K')
    drawn = false
  }
  const toError = (text: string): void => {
    clear()
    process.stderr.write(`${text}\n`)
  }
  const style = (format: Style, text: string): string => styleText(format, text, { stream: process.stderr })

  return {
    json,
    quiet,
    live,
    get columns() {
      // Some terminals say that they are 0 wide.
      return process.stderr.columns || COLUMNS_DEFAULT
    },
    print(text) {
      clear()
      if (!json) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
    },
    raw(content) {
      return new Promise((resolve) => process.stdout.write(content, (error) => resolve(!error)))
    },
    document(value) {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
    },
    note(text) {
      if (!json && !quiet) toError(text)
    },
    failure(text) {
      if (!json) toError(`${style('red', 'failed')} ${text}`)
    },
    error(error) {
      if (json) process.stdout.write(`${JSON.stringify({ error: errorDocument(error) }, null, 2)}\n`)
      else toError(`${style(['red', 'bold'], 'error')} ${errorText(error)}`)
    },
    progress(text) {
      if (!live) return
      clear()
      if (text === '') return
      process.stderr.write(text)
      drawn = true
    },
    style,
  }
}

/** A reader that has seen enough (`pit runs | head -1`) is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listenerCount('error') > 0) continue
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

function errorDocument(error: unknown): object {
  const { code, message, action, fields } = errorToWire(error)
  return { code, message, action, fields }
}

/** Code, message, and below it every further problem of a workflow. */
export function errorText(error: unknown): string {
  if (!isPitError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const problems = problemsOf(error)
  if (problems.length < 2) return `${error.code}: ${error.message}`
  return [`${error.code}: ${error.message}`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n')
}

function problemsOf(error: PitError): readonly Problem[] {
  const { problems } = error.fields
  return error.code === 'WORKFLOW_INVALID' && Array.isArray(problems) ? (problems as readonly Problem[]) : []
}

/** A last word on standard error, written at once although the process is about to end. */
export function lastWord(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Nobody reads any more.
  }
}

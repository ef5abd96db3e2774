/** What the exit code of `pit` says. */
import { isPitError } from '../../runtime/index.ts'

export const ExitCode = {
  /** Done. */
  Ok: 0,
  /** A run, a validation or a check failed. */
  Failed: 1,
  /** The command line, the configuration, or a path named in them is wrong; nothing was started. */
  Usage: 2,
  /** Files or items were skipped and `--strict` was given, or nothing was readable at all. */
  Skipped: 3,
  /** The data directory is in use, or cannot be used. */
  DataDir: 4,
  /** Interrupted by a signal; what was unfinished can be resumed. */
  Interrupted: 130,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

const USAGE = new Set([
  'USAGE',
  'CONFIG_INVALID',
  'CONFIG_UNREADABLE',
  'FOLDER_NOT_FOUND',
  'WORKFLOW_NOT_FOUND',
  'INPUT_UNREADABLE',
  'RUN_INPUT_INVALID',
  'MODEL_SPEC_INVALID',
  'MODEL_FLAG_INVALID',
])
const STORAGE = new Set(['STORAGE_FULL', 'STORAGE_READ_ONLY', 'LOG_FULL', 'LOG_READ_ONLY', 'JOURNAL_UNAVAILABLE'])

/** The exit code that an error which ended the command stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isPitError(error)) return ExitCode.Failed
  if (error.code === 'INTERRUPTED') return ExitCode.Interrupted
  if (error.code === 'NOTHING_READABLE') return ExitCode.Skipped
  if (/^DATA_(DIR|FORMAT)_/.test(error.code) || STORAGE.has(error.code)) return ExitCode.DataDir
  return USAGE.has(error.code) ? ExitCode.Usage : ExitCode.Failed
}

/** For `pit --help`. */
export const EXIT_CODE_HELP: readonly (readonly [number, string])[] = [
  [ExitCode.Ok, 'done'],
  [ExitCode.Failed, 'a run, a validation or a check failed'],
  [ExitCode.Usage, 'the command line, the configuration or a path in them is wrong; nothing was started'],
  [ExitCode.Skipped, 'something was skipped and --strict was given, or nothing was readable'],
  [ExitCode.DataDir, 'the data directory is in use or cannot be used'],
  [ExitCode.Interrupted, 'interrupted; what was unfinished can be resumed'],
]

/** What can go wrong with a log, and what to do about it. */
import { defineErrors, type PitError } from '../common/errors.ts'

export const logErrors = defineErrors({
  LOG_FULL: { message: 'no space left to append to the log in {dir}', status: 507, action: 'retry' },
  LOG_IO: {
    message: 'the disk failed under the log in {dir}: nothing after its last sync counts; open it again',
    status: 500,
    action: 'give-up',
  },
  LOG_READ_ONLY: { message: 'the log in {dir} cannot be written', status: 403, action: 'give-up' },
  LOG_CORRUPT: { message: 'the log is damaged at position {position} of {file}', status: 500, action: 'give-up' },
  LOG_SHORT: {
    message: 'the log in {dir} ends at {end}, and should reach to {reachesTo}: nothing was changed',
    status: 500,
    action: 'give-up',
  },
  LOG_VERSION_UNSUPPORTED: {
    message: '{file} has log format {version}; this program reads up to {supported}',
    status: 409,
    action: 'give-up',
  },
  LOG_RECORD_TOO_LARGE: {
    message: 'a record of {sizeBytes} bytes is over the limit of {recordBytesMax}',
    status: 413,
    action: 'give-up',
  },
  LOG_MISSING: { message: 'there is no log in {dir} to read', status: 404, action: 'give-up' },
  LOG_CLOSED: { message: 'the log in {dir} is closed', status: 503, action: 'bug' },
  LOG_POSITION_INVALID: {
    message: 'position {position} is outside the log ({start} to {end})',
    status: 400,
    action: 'bug',
  },
})

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const UNWRITABLE = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'])

/** The typed error of a failed file call. Anything not known to be harmless counts as a failing disk. */
export function fileError(cause: unknown, dir: string): PitError {
  const code = nativeCode(cause)
  if (FULL.has(code)) return logErrors.fail('LOG_FULL', { dir }, { cause })
  if (UNWRITABLE.has(code)) return logErrors.fail('LOG_READ_ONLY', { dir }, { cause })
  return logErrors.fail('LOG_IO', { dir }, { cause })
}

function nativeCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}

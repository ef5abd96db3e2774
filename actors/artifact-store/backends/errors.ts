/** What a storage backend can fail at. */
import { defineErrors, isPitError, type PitError } from '../../../runtime/index.ts'

export const blobErrors = defineErrors({
  BLOB_KEY_INVALID: {
    message: '{key} is no key: at most 200 of a-z 0-9 . _ -, in parts between / that begin with a letter or digit',
    status: 400,
    action: 'bug',
  },
  BLOBS_IO: { message: '{location} cannot be read or written now: {reason}', status: 503, action: 'retry' },
  BLOBS_FULL: { message: 'no space left in {location}', status: 507, action: 'retry' },
  BLOBS_READ_ONLY: { message: '{location} cannot be written: {reason}', status: 403, action: 'give-up' },
  BLOBS_FOREIGN: {
    message: '{location} holds other files ({reason}); choose an empty or a new folder',
    status: 409,
    action: 'give-up',
  },
  BLOBS_CLOSED: { message: 'the storage backend {location} is closed', status: 503, action: 'give-up' },
})

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const UNWRITABLE = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST'])

/** The typed error of a failed file call. What is not known better may be all right the next time. */
export function blobFileError(cause: unknown, location: string): PitError {
  if (isPitError(cause)) return cause
  const code = nativeCode(cause)
  const fields = { location, reason: cause instanceof Error ? cause.message : String(cause) }
  if (FULL.has(code)) return blobErrors.fail('BLOBS_FULL', fields, { cause })
  if (UNWRITABLE.has(code)) return blobErrors.fail('BLOBS_READ_ONLY', fields, { cause })
  return blobErrors.fail('BLOBS_IO', fields, { cause })
}

export function nativeCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}

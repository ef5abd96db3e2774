/** What the Artifact Store can refuse or fail at, and what to do about it. */
import { defineErrors, isPitError, type PitError } from '../../runtime/index.ts'

export const artifactErrors = defineErrors({
  ARTIFACT_INVALID: { message: 'artifact {field}: {problem}', status: 400, action: 'give-up' },
  ARTIFACT_NOT_FOUND: { message: 'no artifact {hash}', status: 404, action: 'give-up' },
  ARTIFACT_TOO_LARGE: {
    message: 'content of {sizeBytes} bytes is over the limit of {artifactBytesMax} for one artifact',
    status: 413,
    action: 'give-up',
  },
  UPLOAD_UNKNOWN: {
    message: 'there is no upload {uploadId}: it was finished or abandoned, or the store restarted; begin again',
    status: 404,
    action: 'give-up',
  },
  UPLOAD_GAP: {
    message: 'upload {uploadId} goes on at byte {expected}, not at {offset}',
    status: 409,
    action: 'bug',
  },
  UPLOADS_TOO_MANY: {
    message: '{uploadsMax} uploads are under way; finish or abort one first',
    status: 429,
    action: 'retry',
  },
  ARTIFACT_CORRUPT: {
    message:
      'the stored content of {hash} is damaged ({problem}); it is quarantined, storing the content again repairs it',
    status: 500,
    action: 'give-up',
  },
  VERSION_NOT_FOUND: { message: 'there is no version {reference}', status: 404, action: 'give-up' },
  VERSION_CONFLICT: {
    message: '{name} is at version {actual}, not at {expected}: look at what came between, then decide again',
    status: 409,
    action: 'give-up',
  },
  ALIAS_CONFLICT: {
    message:
      'alias {name}@{alias} is at version {actual}, not at {expected} (0: nowhere): look at it, then decide again',
    status: 409,
    action: 'give-up',
  },
  ALIAS_PROTECTED: {
    message:
      'alias {name}@{alias} is protected at version {version}: force the change, or take its protection away first',
    status: 409,
    action: 'give-up',
  },
  RELATION_CYCLE: {
    message: '{child} cannot be {kind} {parent}: that would close a cycle, {path}',
    status: 409,
    action: 'give-up',
  },
  SCORER_INVALID: {
    message: 'the scorer {export} of {module} cannot be used: {problem}',
    status: 500,
    action: 'give-up',
  },
  DIFF_TOO_LARGE: {
    message: 'an artifact of {sizeBytes} bytes is too large to compare; the limit is {bytesMax}',
    status: 413,
    action: 'give-up',
  },
  MIRROR_FOREIGN: {
    message:
      'the mirror {location} belongs to another store: choose an empty one, or remove its blob `store` to give it to this store',
    status: 409,
    action: 'give-up',
  },
  QUERY_INVALID: { message: 'search query {query}: {problem}', status: 400, action: 'give-up' },
  STORAGE_FULL: {
    message: 'no space left in {dir}: nothing was changed; free space or run a cleanup, then try again',
    status: 507,
    action: 'retry',
  },
  STORAGE_READ_ONLY: {
    message: '{dir} cannot be written: check that it is a writable directory',
    status: 403,
    action: 'give-up',
  },
  STORAGE_IO: { message: 'reading or writing {dir} failed: the disk reported an error', status: 500, action: 'retry' },
  STORAGE_CLOSED: { message: 'the artifact store in {dir} is closed', status: 503, action: 'give-up' },
  STORAGE_CORRUPT: { message: 'the artifact log in {dir} is damaged: {problem}', status: 500, action: 'give-up' },
  ENCRYPTION_KEY_MISSING: {
    message: 'there is no encryption key in {source}: {problem}',
    status: 401,
    action: 'give-up',
  },
  ENCRYPTION_KEY_INVALID: {
    message: 'what {source} gives is no encryption key: it must be 32 bytes, or these as 64 hex digits or in base64',
    status: 400,
    action: 'give-up',
  },
  ENCRYPTION_KEY_WRONG: {
    message: 'the artifacts in {dir} are encrypted with another key: with {wanted}, not with {given}',
    status: 401,
    action: 'give-up',
  },
  ENCRYPTION_KEYS_MISSING: {
    message: 'the artifacts in {dir} are encrypted, and their key file is gone: put it back from a backup',
    status: 500,
    action: 'give-up',
  },
  ENCRYPTION_KEYS_DAMAGED: {
    message: 'the key file of the artifacts in {dir} was damaged or changed: put it back from a backup',
    status: 500,
    action: 'give-up',
  },
  ENCRYPTION_KEYS_ROLLED_BACK: {
    message: 'the key file of the artifacts in {dir} is older than their log (at {position}: {problem})',
    status: 409,
    action: 'give-up',
  },
  ENCRYPTION_LOG_ROLLED_BACK: {
    message: 'the artifact log in {dir} is older than its key file or incomplete: {problem}; nothing was changed',
    status: 409,
    action: 'give-up',
  },
  ENCRYPTION_TAMPERED: {
    message: 'the artifact log in {dir} was damaged or changed at {position}: {problem}; nothing was changed',
    status: 500,
    action: 'give-up',
  },
  STORE_ENCRYPTED: {
    message: 'the artifacts in {dir} are encrypted: configure their key',
    status: 401,
    action: 'give-up',
  },
  STORE_NOT_ENCRYPTED: {
    message: 'the artifacts in {dir} are not encrypted: encrypt them first, or configure no key',
    status: 409,
    action: 'give-up',
  },
  DATA_FORMAT_NEWER: {
    message: '{dir} was written by a newer version ({problem}): upgrade to open it',
    status: 409,
    action: 'give-up',
  },
})

/** SQLite's primary result codes that say something about the disk; see sqlite.org/rescode.html. */
const SQLITE = { IoError: 10, Corrupt: 11, Full: 13, CannotOpen: 14, ReadOnly: 8, NotADatabase: 26 } as const

/** The store's own error for one of the log or of SQLite; anything else stays what it is. */
export function storageError(cause: unknown, dir: string): unknown {
  const problem = cause instanceof Error ? cause.message : String(cause)
  const fail = (code: keyof typeof artifactErrors.table): PitError =>
    artifactErrors.fail(code, { dir, problem }, { cause })
  if (isPitError(cause)) {
    if (cause.code === 'LOG_FULL') return fail('STORAGE_FULL')
    if (cause.code === 'LOG_READ_ONLY') return fail('STORAGE_READ_ONLY')
    if (cause.code === 'LOG_IO') return fail('STORAGE_IO')
    if (cause.code === 'LOG_CLOSED') return fail('STORAGE_CLOSED')
    if (cause.code === 'LOG_VERSION_UNSUPPORTED') return fail('DATA_FORMAT_NEWER')
    return cause.code === 'LOG_CORRUPT' ? fail('STORAGE_CORRUPT') : cause
  }
  switch (sqliteCode(cause)) {
    case SQLITE.Full:
      return fail('STORAGE_FULL')
    case SQLITE.ReadOnly:
    case SQLITE.CannotOpen:
      return fail('STORAGE_READ_ONLY')
    case SQLITE.IoError:
      return fail('STORAGE_IO')
    default:
      return cause
  }
}

/** Whether SQLite says that its file is damaged: the index then is built again from the log. */
export function isIndexDamaged(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.Corrupt || code === SQLITE.NotADatabase
}

/** Any failure of SQLite itself, as opposed to a mistake in what it was asked. */
export function isIndexFailure(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && (Object.values(SQLITE) as number[]).includes(code)
}

function sqliteCode(error: unknown): number | null {
  const code = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined
  return typeof code === 'number' ? code & 0xff : null
}

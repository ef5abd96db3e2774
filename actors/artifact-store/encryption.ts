/**
 * Encryption at rest: envelope encryption of the log, and an index that is not on the disk.
 *
 *   key-encryption key ──wraps──► key file: a tree of data keys per epoch ──one key each──► records of the log
 *   (env, file, provider)                   └ a key per image of the index
 *
 * I1. On the disk there is nothing readable but sizes, positions, the number of epochs and the id of the key: content, hashes,
 *     names, tags, metadata, tenants and words are in sealed records, or in the sealed image of the index.
 * I2. Opening changes nothing before key, key file and log are known to belong together.
 * I3. One domain of deduplication for each store: content is stored once whoever puts it, and its SHA-256 is an id for callers
 *     only. Who must not even learn that others have a content needs a store of his own.
 */
import {
  choiceOption,
  integerOption,
  invalidOption,
  isPitError,
  own,
  type Logger,
  type LogPosition,
  type LogRecord,
} from '../../runtime/index.ts'
import { fileError, openLog, systemFiles, type FileLayer, type Log } from '../../runtime/persistence/index.ts'
import { loadKey, type KeyEncryptionKey } from './encryption/key-encryption-key.ts'
import { readKeyFile, UncertainWrite, writeKeyFile, type StoreKeys } from './encryption/key-file.ts'
import { LEAVES } from './encryption/key-tree.ts'
import { createKeyring, newStoreKeys } from './encryption/keyring.ts'
import { sealedHeader } from './encryption/record-seal.ts'
import { createSealedLog, type SealedLog } from './encryption/sealed-log.ts'
import { artifactErrors } from './errors.ts'
import type { KeySource } from './protocol.ts'

export type { SealedLog } from './encryption/sealed-log.ts'
export type { KeyEncryptionKey } from './encryption/key-encryption-key.ts'

export interface EncryptionOptions {
  readonly key: KeySource
  /** Keys that the data keys may still be wrapped by; opening then wraps them by `key`. @default none */
  readonly formerKeys?: readonly KeySource[]
  /**
   * `require` refuses a store that is in clear; `encrypt` encrypts it, and `decrypt` decrypts one that is encrypted, in the
   * background. @default 'require'
   */
  readonly mode?: EncryptionMode
  /** Opens a store of which records were damaged or changed, without them. @default false */
  readonly acceptDamage?: boolean
  /**
   * After so many records the key file is written again, and with it how far the log reaches: after a crash, a log that
   * was put back to an earlier state within them cannot be told from what the crash may have undone. @default 4_096
   */
  readonly epochRecords?: number
}

export type EncryptionMode = 'require' | 'encrypt' | 'decrypt'

/** The keys, loaded. */
export interface Encryption {
  /** The first one wraps. */
  readonly keys: readonly KeyEncryptionKey[]
  readonly mode: EncryptionMode
  readonly acceptDamage: boolean
  readonly epochRecords: number
}

const EPOCH_RECORDS = 4096
const MODES = ['require', 'encrypt', 'decrypt'] as const

/** Errors: `INVALID_OPTION`, `ENCRYPTION_KEY_MISSING`, `ENCRYPTION_KEY_INVALID`. */
export async function loadEncryption(options: EncryptionOptions): Promise<Encryption> {
  refuseUnshown(options, ['key', 'formerKeys', 'mode', 'acceptDamage', 'epochRecords'], 'encryption')
  const formerKeys = options.formerKeys ?? []
  if (!Array.isArray(formerKeys)) throw invalidOption('encryption.formerKeys', 'a list of keys', typeof formerKeys)
  const sources = [
    resolveKeySource(options.key, 'encryption.key'),
    ...formerKeys.map((source, i) => resolveKeySource(source, `encryption.formerKeys[${i}]`)),
  ]
  const mode = choiceOption(options, 'mode', 'require', MODES)
  const acceptDamage = own(options, 'acceptDamage') === true
  const epochRecords = integerOption(options, 'epochRecords', EPOCH_RECORDS, { min: 1, max: LEAVES })
  return { keys: await Promise.all(sources.map(loadKey)), mode, acceptDamage, epochRecords }
}

/** Error: `INVALID_OPTION`. */
export function resolveKeySource(value: unknown, name: string): KeySource {
  const expected = '{ env }, { file } or { module, export } that names where the key is'
  if (typeof value !== 'object' || value === null) throw invalidOption(name, expected, typeof value)
  const kinds = ['env', 'file', 'module'].filter((kind) => own(value, kind) !== undefined)
  refuseUnshown(value, kinds[0] === 'module' ? ['module', 'export'] : ['env', 'file', 'module'], name)
  const texts = Object.values(value as Record<string, unknown>)
  if (kinds.length !== 1 || texts.some((text) => typeof text !== 'string' || text === '')) {
    throw invalidOption(name, expected, Object.keys(value).join(', '))
  }
  return value as KeySource
}

/** The value is not shown: who writes the key itself here must not find it in a log. */
function refuseUnshown(options: object, known: readonly string[], name: string): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw invalidOption(name, `an object of ${known.join(', ')}`, 'one with other keys')
}

export interface SealedLogPlace {
  /** Directory of the store: the key file is in it. */
  readonly dir: string
  /** Directory of the log. */
  readonly logDir: string
  readonly segmentBytes: number
  readonly files?: FileLayer
  readonly logger: Logger
}

/**
 * The log of an encrypted store, or null when the store is in clear and may be. Errors: `STORE_ENCRYPTED`,
 * `STORE_NOT_ENCRYPTED`, `ENCRYPTION_KEY_WRONG`, `ENCRYPTION_KEYS_MISSING`, `ENCRYPTION_KEYS_DAMAGED`,
 * `ENCRYPTION_LOG_ROLLED_BACK`, `DATA_FORMAT_NEWER`; those of opening the log.
 */
export function openSealedLog(place: SealedLogPlace, encryption: Encryption | undefined): SealedLog | null {
  try {
    return openChecked(place, encryption)
  } catch (cause) {
    throw isPitError(cause) ? cause : fileError(cause instanceof UncertainWrite ? cause.cause : cause, place.dir)
  }
}

function openChecked(place: SealedLogPlace, encryption: Encryption | undefined): SealedLog | null {
  const { dir, logger } = place
  const files = place.files ?? systemFiles
  const keys = encryption?.keys ?? []
  const found = readKeyFile(files, dir, keys)
  if (encryption === undefined) {
    if (found.kind !== 'absent') throw artifactErrors.fail('STORE_ENCRYPTED', { dir })
    return null
  }
  const opened = found.kind === 'keys' ? found : null
  if (found.kind === 'damaged') throw artifactErrors.fail('ENCRYPTION_KEYS_DAMAGED', { dir })
  if (found.kind === 'newer') {
    throw artifactErrors.fail('DATA_FORMAT_NEWER', { dir, problem: `key file version ${found.version}` })
  }
  if (found.kind === 'other-key') {
    const given = keys.map(({ id }) => id).join(', ')
    throw artifactErrors.fail('ENCRYPTION_KEY_WRONG', { dir, wanted: found.keyId, given })
  }
  if (found.kind === 'keys' && found.damaged) {
    logger.error('one of the two copies in the key file is damaged; the other one is used', { dir })
  }
  const state = opened?.keys ?? unencrypted(place, files, encryption)
  if (state === null) return null
  const key = opened?.key ?? keys[0]!
  const raw = openWhole(place, state)
  try {
    // A key file that is made now stands before the first record is sealed.
    if (opened === null) writeKeyFile(files, dir, state, key)
    const keyring = createKeyring(files, dir, { keys: state, key })
    if (key !== keys[0]) keyring.rewrap(keys[0]!, { end: raw.end, synced: raw.syncedEnd })
    if (encryption.mode === 'decrypt' && state.sealedTo === null) keyring.setSealedTo(raw.end)
    const log = createSealedLog(raw, keyring, {
      ...encryption,
      dir,
      logger,
      syncLogDir: () => files.syncDir(place.logDir),
    })
    if (raw.start < state.start) {
      logger.warn('segments that were dropped are dropped again', { dir })
      raw.truncateBefore(state.start)
    }
    return log
  } catch (error) {
    void raw.close().catch(() => {})
    throw error
  }
}

/** The keys of a store without a key file; null when it stays in clear. */
function unencrypted(place: SealedLogPlace, files: FileLayer, { mode }: Encryption): StoreKeys | null {
  const { dir } = place
  const log = lookInto(place, files)
  if (log.first !== null && sealedHeader(log.first) !== null) {
    throw artifactErrors.fail('ENCRYPTION_KEYS_MISSING', { dir })
  }
  if (mode === 'decrypt') return null
  if (log.first !== null && mode === 'require') throw artifactErrors.fail('STORE_NOT_ENCRYPTED', { dir })
  return newStoreKeys(log)
}

/** What a log that nobody has opened yet holds, without changing it. */
function lookInto(
  { logDir }: SealedLogPlace,
  files: FileLayer,
): { readonly first: Uint8Array | null; readonly start: LogPosition; readonly end: LogPosition } {
  let log: Log
  try {
    log = openLog({ dir: logDir, files, readOnly: true })
  } catch (error) {
    if (isPitError(error, 'LOG_MISSING')) return { first: null, start: 0, end: 0 }
    throw error
  }
  try {
    const { value: first } = log.read(log.start, { onDamage() {} }).next() as { readonly value?: LogRecord }
    return { first: first?.payload ?? null, start: log.start, end: log.end }
  } finally {
    void log.close()
  }
}

/** The log, when all of it is there that the key file says was (I2). */
function openWhole({ dir, logDir, segmentBytes, files }: SealedLogPlace, state: StoreKeys): Log {
  const rolledBack = (problem: string, cause?: unknown): Error =>
    artifactErrors.fail('ENCRYPTION_LOG_ROLLED_BACK', { dir, problem }, { cause })
  if (state.synced > 0 && (files ?? systemFiles).list(logDir).every((name) => !name.endsWith('.seg'))) {
    throw rolledBack('it is gone')
  }
  let raw: Log
  try {
    const given = files === undefined ? {} : { files }
    raw = openLog({ dir: logDir, segmentBytes, reachesTo: state.synced, durableTo: state.synced, ...given })
  } catch (error) {
    if (isPitError(error, 'LOG_SHORT')) throw rolledBack(error.message, error)
    throw error
  }
  if (raw.start <= state.start) return raw
  void raw.close().catch(() => {})
  throw rolledBack(`it begins at ${raw.start}, not at ${state.start}`)
}

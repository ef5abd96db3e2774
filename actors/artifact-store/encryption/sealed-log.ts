/**
 * The log with every record sealed: what is above it reads and writes payloads in clear, what is below sees none.
 *
 *   append ─► key of its own ─► seal ─► append         read ─► epoch and index ─► key ─► open ─► payload, or a coded error
 *
 * I1. Nothing is taken for a record that was not sealed for this very place by this store, except, while a store is being
 *     encrypted or decrypted, before `sealedFrom` and from `sealedTo` on.
 * I2. A new epoch begins with the first record of a process, after `epochRecords` records or `EPOCH_BYTES_MAX`, and
 *     at the end, each time with the position up to which the log was on the disk. A log that was put back to an earlier
 *     state is found by it; what a crash may have left undone since the last epoch is the most that cannot be told.
 * I3. A mark, a sealed record without a payload, follows where no other record of the epoch will.
 */
import { isPitError, type Log, type LogPosition, type LogRecord, type Logger } from '../../../runtime/index.ts'
import { fileError, logErrors } from '../../../runtime/persistence/index.ts'
import { artifactErrors } from '../errors.ts'
import type { EncryptionStatus } from '../protocol.ts'
import type { KeyEncryptionKey } from './key-encryption-key.ts'
import type { ImageReference, StoreKeys } from './key-file.ts'
import { LEAVES } from './key-tree.ts'
import type { Keyring } from './keyring.ts'
import { openRecord, sealedHeader, sealRecord } from './record-seal.ts'

export interface SealedLog extends Log {
  readonly keys: StoreKeys
  readonly keyId: string
  /** `clear`: no record is sealed any more, and the key file is gone. */
  readonly state: EncryptionStatus['state']
  /** Records before are to be written again: as sealed, or in clear. */
  readonly convertedFrom: LogPosition
  /** When no sealed record is left: removes the keys. */
  finishDecryption(): void
  /** Destroys the keys of these records for good; resolves when that is on the disk. */
  destroy(positions: readonly LogPosition[]): Promise<void>
  /** Wraps the data keys by another key; resolves when that is on the disk. */
  rewrap(key: KeyEncryptionKey): Promise<void>
  setImage(image: ImageReference | null): void
}

export interface SealedLogOptions {
  readonly dir: string
  readonly logger: Logger
  /** Goes on without what was damaged or changed. */
  readonly acceptDamage: boolean
  readonly epochRecords: number
  /** Makes it durable which segments there are. */
  readonly syncLogDir: () => void
}

const EPOCH_BYTES_MAX = 64 * 1024 * 1024

export function createSealedLog(raw: Log, keyring: Keyring, options: SealedLogOptions): SealedLog {
  const { dir, logger, acceptDamage } = options
  /** The last append was refused: what it wrote may turn up after a power cut, and then must be of the epoch there. */
  let refused = false
  let closing: Promise<void> | null = null
  /** The store is decrypted: there is no key file any more. */
  let removed = false

  const logEnd = () => ({ end: raw.end, synced: raw.syncedEnd })

  /** Changes the key file. */
  function keep(change: () => void): void {
    if (removed) return
    // Another life of the actor may have the files by now.
    if (raw.closed) throw logErrors.fail('LOG_CLOSED', { dir })
    if (keyring.uncertain) throw logErrors.fail('LOG_IO', { dir })
    try {
      change()
    } catch (cause) {
      if (isPitError(cause)) throw cause
      throw keyring.uncertain ? logErrors.fail('LOG_IO', { dir }, { cause }) : fileError(cause, dir)
    }
  }

  function append(payload: Uint8Array | readonly Uint8Array[]): LogPosition {
    if (keyring.keys.sealedTo !== null) return raw.append(payload)
    if (keyring.uncertain) throw logErrors.fail('LOG_IO', { dir })
    if (keyring.sealed === null || keyring.sealed >= LEAVES) keep(() => keyring.begin(logEnd()))
    const position = raw.end
    const { key, ...header } = keyring.take()
    const parts = payload instanceof Uint8Array ? [payload] : payload
    refused = true
    const at = raw.append(sealRecord(parts, header, { key, storeId: keyring.storeId, position }))
    refused = false
    if (at !== position) throw new Error(`a record sealed for ${position} is at ${at}`)
    return at
  }

  type Opened = { readonly kind: 'payload'; readonly payload: Uint8Array } | { readonly kind: 'destroyed' } | Refusal
  interface Refusal {
    readonly kind: 'refused'
    readonly code: 'ENCRYPTION_TAMPERED' | 'ENCRYPTION_KEYS_ROLLED_BACK'
    readonly problem: string
  }

  function opened(payload: Uint8Array, position: LogPosition): Opened {
    const { sealedFrom, sealedTo } = keyring.keys
    const header = sealedHeader(payload)
    const clear = position < sealedFrom || (sealedTo !== null && position >= sealedTo)
    if (clear && header === null) return { kind: 'payload', payload }
    if (header === null || clear) return tampered(header === null ? 'it is in clear' : 'it is sealed')
    const key = keyring.find(header, position)
    if (key === 'destroyed') return { kind: 'destroyed' }
    if (key === 'misplaced') return tampered('it belongs to another place or time')
    if (key === 'newer') {
      return { kind: 'refused', code: 'ENCRYPTION_KEYS_ROLLED_BACK', problem: 'it is newer than the key file' }
    }
    const found = openRecord(payload, { key, storeId: keyring.storeId, position })
    return found === null ? tampered('it is not what was sealed') : { kind: 'payload', payload: found }
  }

  function tampered(problem: string): Refusal {
    return { kind: 'refused', code: 'ENCRYPTION_TAMPERED', problem }
  }

  function* read(from: LogPosition, reading: Parameters<Log['read']>[1] = {}): Generator<LogRecord, undefined> {
    const records = raw.read(from, {
      onDamage(damage) {
        if (!acceptDamage) throw refusal({ ...tampered('its checksum does not match') }, damage.from)
        reading.onDamage?.(damage)
      },
    })
    for (const record of records) {
      const found = opened(record.payload, record.position)
      if (found.kind === 'payload') {
        if (found.payload.length > 0) yield { ...record, payload: found.payload }
      } else if (found.kind === 'refused') {
        if (!acceptDamage || found.code !== 'ENCRYPTION_TAMPERED') throw refusal(found, record.position)
        reading.onDamage?.({ from: record.position, to: record.next, file: dir })
      }
    }
  }

  function refusal({ code, problem }: Refusal, position: LogPosition): Error {
    return artifactErrors.fail(code, { dir, position, problem })
  }

  function readAt(position: LogPosition): Uint8Array {
    const found = opened(raw.readAt(position), position)
    if (found.kind === 'payload') return found.payload
    const cause = found.kind === 'refused' ? refusal(found, position) : undefined
    throw logErrors.fail('LOG_CORRUPT', { file: dir, position }, cause === undefined ? {} : { cause })
  }

  /** Best effort: what it is about is on the disk without it. */
  function beginWhenDue(beganAt: LogPosition | undefined): void {
    if (keyring.sealed === null || refused || keyring.uncertain || raw.closed) return
    const bytes = raw.end - (beganAt ?? raw.end)
    if (keyring.sealed < options.epochRecords && bytes < EPOCH_BYTES_MAX) return
    try {
      keep(() => keyring.begin(logEnd()))
    } catch (error) {
      logger.warn('the key file could not be written', { dir, problem: String(error) })
    }
  }

  /** A record of the newest epoch, durable (I3). */
  async function mark(): Promise<void> {
    if (keyring.keys.sealedTo === null) append([])
    await raw.commit()
  }

  async function closeOnce(): Promise<void> {
    try {
      if (keyring.sealed === null || keyring.uncertain || refused || raw.closed) return
      await raw.commit()
      keep(() => keyring.begin(logEnd()))
      await mark()
    } catch (error) {
      // As after a crash; whether everything appended is durable is for the log to say.
      logger.warn('the key file could not be written', { dir, problem: String(error) })
    } finally {
      await raw.close()
    }
  }

  return {
    get closed() {
      return closing !== null || raw.closed
    },
    get end() {
      return raw.end
    },
    get syncedEnd() {
      return raw.syncedEnd
    },
    get start() {
      return raw.start
    },
    get keys() {
      return keyring.keys
    },
    get keyId() {
      return keyring.keyId
    },
    get state() {
      if (removed) return 'clear'
      if (keyring.keys.sealedTo !== null) return 'decrypting'
      return raw.start < keyring.keys.sealedFrom ? 'encrypting' : 'encrypted'
    },
    get convertedFrom() {
      return keyring.keys.sealedTo ?? keyring.keys.sealedFrom
    },
    finishDecryption() {
      const { sealedTo } = keyring.keys
      if (sealedTo === null || raw.start < sealedTo) throw new Error('sealed records are left')
      keep(() => {
        // A segment that came back after a power cut could not be read without the keys.
        options.syncLogDir()
        keyring.remove()
      })
      removed = true
    },
    append,
    async commit() {
      await raw.commit()
      beginWhenDue(keyring.keys.epochs.at(-1)?.from)
    },
    read,
    readAt,
    writeSnapshot: () => Promise.reject(new Error('a sealed log has no snapshot')),
    readSnapshot: () => null,
    truncateBefore(position) {
      const start = raw.segments().findLast((segment) => segment.start <= position)?.start ?? raw.start
      if (start <= raw.start) return
      // First the key file: a log that begins later than it says has lost its beginning.
      keep(() => keyring.setStart(start))
      raw.truncateBefore(position)
    },
    segments: () => raw.segments(),
    rotate: () => raw.rotate(),
    physicalBytes: () => raw.physicalBytes(),
    close: () => (closing ??= closeOnce()),
    async destroy(positions) {
      const headers = positions.flatMap((position) => sealedHeader(raw.readAt(position)) ?? [])
      await raw.commit()
      keep(() => keyring.destroy(headers, logEnd()))
      await mark()
    },
    async rewrap(key) {
      await raw.commit()
      keep(() => keyring.rewrap(key, logEnd()))
      await mark()
    },
    setImage: (image) => keep(() => keyring.setImage(image)),
  }
}

/**
 * The data keys of an open store, and the one file they are kept in.
 *
 *   epoch 7: records from 0        epoch 8: from 5,120           epoch 9: from 9,728        ← being written
 *   └ one tree of 65,536 keys      └ two keys destroyed: 120 nodes kept
 *
 * I1. A process seals only with epochs that it began itself, after the key file that has them was on the disk.
 * I2. Every write of the file that others could be confronted with begins a new epoch, and a record of it follows: a key
 *     file that is older than the log does not know the epoch of the log's last records, and a log that is older than the
 *     key file ends before `synced`.
 * I3. When it is unknown which file is on the disk, nothing is sealed any more; opening again finds out.
 */
import { randomBytes } from 'node:crypto'
import type { LogPosition } from '../../../runtime/index.ts'
import type { FileLayer } from '../../../runtime/persistence/index.ts'
import type { KeyEncryptionKey } from './key-encryption-key.ts'
import {
  removeKeyFile,
  UncertainWrite,
  writeKeyFile,
  type Epoch,
  type ImageReference,
  type StoreKeys,
} from './key-file.ts'
import { createKeyTree, KEY_BYTES, LEAVES, rootNode, type KeyTree } from './key-tree.ts'
import type { SealedHeader } from './record-seal.ts'

export interface Keyring {
  readonly keys: StoreKeys
  readonly keyId: string
  readonly storeId: Uint8Array
  /** Whether this process has an epoch to seal with, and how many records it has sealed with it. */
  readonly sealed: number | null
  /** The key file may be older or newer than `keys` (I3). */
  readonly uncertain: boolean
  /** Begins an epoch at the end of the log. Throws what the files throw. */
  begin(at: LogEnd): void
  /** The next key to seal with; one that was given is never given again. */
  take(): SealedHeader & { readonly key: Uint8Array }
  /** `newer`: of an epoch after all that are known; `misplaced`: of one that has no records there. */
  find(header: SealedHeader, position: LogPosition): Uint8Array | 'destroyed' | 'newer' | 'misplaced'
  /** Begins an epoch without these keys, and without the image of the index, which may tell what they sealed. */
  destroy(headers: readonly SealedHeader[], at: LogEnd): void
  /** The same data keys under another key-encryption key. */
  rewrap(key: KeyEncryptionKey, at: LogEnd): void
  setStart(start: LogPosition): void
  setImage(image: ImageReference | null): void
  setSealedTo(position: LogPosition): void
  /** Removes the file. */
  remove(): void
}

export interface LogEnd {
  readonly end: LogPosition
  readonly synced: LogPosition
}

/** For a log that is in clear so far. */
export function newStoreKeys({ start, end }: { readonly start: LogPosition; readonly end: LogPosition }): StoreKeys {
  const storeId = randomBytes(16).toString('hex')
  return { storeId, generation: 0, start, synced: 0, sealedFrom: end, sealedTo: null, epochs: [], image: null }
}

export function createKeyring(
  files: FileLayer,
  dir: string,
  opened: { readonly keys: StoreKeys; readonly key: KeyEncryptionKey },
): Keyring {
  let { keys, key } = opened
  let uncertain = false
  /** How many keys of the newest epoch are used; null when another process began it. */
  let used: number | null = null
  const trees = new Map<number, KeyTree>()
  const storeId = Buffer.from(keys.storeId, 'hex')

  function save(next: StoreKeys, as: KeyEncryptionKey = key): void {
    try {
      writeKeyFile(files, dir, next, as)
    } catch (error) {
      if (error instanceof UncertainWrite) uncertain = true
      throw error instanceof UncertainWrite ? error.cause : error
    }
    keys = next
    key = as
  }

  function treeOf(epoch: Epoch): KeyTree {
    let tree = trees.get(epoch.number)
    if (tree === undefined) trees.set(epoch.number, (tree = createKeyTree(epoch.nodes)))
    return tree
  }

  /** The keys with a new epoch at the end of the log, without those that no record is left of. */
  function withEpoch(from: StoreKeys, { end, synced }: LogEnd): StoreKeys {
    const epoch = { number: from.generation + 1, from: end, nodes: [rootNode(randomBytes(KEY_BYTES))] }
    const before = from.epochs.filter((one) => one.from < end)
    const living = before.filter((_, i) => (before[i + 1]?.from ?? end) > from.start)
    return { ...from, generation: epoch.number, synced, epochs: [...living, epoch] }
  }

  function begin(from: StoreKeys, at: LogEnd, as?: KeyEncryptionKey): void {
    save(withEpoch(from, at), as)
    used = 0
    for (const number of trees.keys()) if (!keys.epochs.some((epoch) => epoch.number === number)) trees.delete(number)
  }

  function epochAt(position: LogPosition): Epoch | undefined {
    return keys.epochs.findLast(({ from }) => from <= position)
  }

  return {
    get keys() {
      return keys
    },
    get keyId() {
      return key.id
    },
    storeId,
    get sealed() {
      return used
    },
    get uncertain() {
      return uncertain
    },
    begin: (at) => begin(keys, at),
    take() {
      if (used === null || used >= LEAVES) throw new Error('no epoch to seal with')
      const epoch = keys.epochs.at(-1)!
      const index = used++
      return { epoch: epoch.number, index, key: treeOf(epoch).key(index)! }
    },
    find({ epoch, index }, position) {
      if (epoch > keys.generation) return 'newer'
      const there = epochAt(position)
      // The record was moved here, or is of a time that a crash undid.
      if (there === undefined || there.number !== epoch || index >= LEAVES) return 'misplaced'
      return treeOf(there).key(index) ?? 'destroyed'
    },
    destroy(headers, at) {
      const epochs = keys.epochs.map((epoch) => {
        const indexes = headers.filter((header) => header.epoch === epoch.number).map(({ index }) => index)
        return indexes.length === 0 ? epoch : { ...epoch, nodes: treeOf(epoch).without(indexes).nodes }
      })
      trees.clear()
      begin({ ...keys, epochs, image: null }, at)
    },
    rewrap: (next, at) => begin(keys, at, next),
    setStart: (start) => save({ ...keys, start }),
    setImage: (image) => save({ ...keys, image }),
    setSealedTo: (sealedTo) => save({ ...keys, sealedTo, image: null }),
    remove: () => removeKeyFile(files, dir),
  }
}

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keyId, type KeyEncryptionKey } from '../../../actors/artifact-store/encryption/key-encryption-key.ts'
import {
  KEY_FILE,
  readKeyFile,
  UncertainWrite,
  writeKeyFile,
  type StoreKeys,
} from '../../../actors/artifact-store/encryption/key-file.ts'
import { seededRandom } from '../../../runtime/index.ts'
import { memoryFiles, type FileLayer } from '../../../runtime/persistence/index.ts'
import { createFaultyDisk, type FaultPoint } from '../../../runtime/testing/faulty-files.ts'

const DIR = '/store'
const key = (seed: string): KeyEncryptionKey => {
  const bytes = createHash('sha256').update(seed).digest()
  return { bytes, id: keyId(bytes) }
}
const keys = (generation: number, nodes = 1): StoreKeys => ({
  storeId: 'ab'.repeat(16),
  generation,
  start: 8,
  synced: 16,
  sealedFrom: 0,
  sealedTo: null,
  epochs: [
    {
      number: generation,
      from: 8,
      nodes: Array.from({ length: nodes }, (_, i) => ({ depth: 4, prefix: i, key: Buffer.alloc(32, i) })),
    },
  ],
  image: { file: 'index-0.sealed', position: 16, sizeBytes: 3, key: Buffer.alloc(32, 9) },
})

function contentOf(files: FileLayer): Buffer {
  const fd = files.open(join(DIR, KEY_FILE), 'read')
  const bytes = Buffer.alloc(files.size(fd))
  files.read(fd, bytes, 0)
  files.close(fd)
  return bytes
}

function replace(files: FileLayer, bytes: Uint8Array): void {
  const fd = files.open(join(DIR, KEY_FILE), 'write')
  files.truncate(fd, 0)
  files.write(fd, [bytes], 0)
  files.close(fd)
}

describe('the key file', () => {
  test('gives back what was written, to whoever has one of the keys', () => {
    const files = memoryFiles()
    expect(readKeyFile(files, DIR, [key('a')])).toEqual({ kind: 'absent' })
    writeKeyFile(files, DIR, keys(3, 5), key('a'))
    const read = readKeyFile(files, DIR, [key('b'), key('a')])
    expect(read).toEqual({ kind: 'keys', keys: keys(3, 5), key: key('a'), damaged: false })
    expect(readKeyFile(files, DIR, [key('b')])).toEqual({ kind: 'other-key', keyId: key('a').id })
  })

  test('is never written the same way twice', () => {
    const files = memoryFiles()
    writeKeyFile(files, DIR, keys(1), key('a'))
    const first = contentOf(files)
    writeKeyFile(files, DIR, keys(1), key('a'))
    const second = contentOf(files)
    expect(first.length).toBe(second.length)
    const same = first.filter((byte, at) => at >= 80 && at < first.length >> 1 && byte === second[at]).length
    expect(same).toBeLessThan(first.length / 20)
  })

  test('one copy may have any byte changed, both the same one not', () => {
    const files = memoryFiles()
    writeKeyFile(files, DIR, keys(2), key('a'))
    const whole = contentOf(files)
    const half = whole.length >> 1
    for (let at = 0; at < half; at++) {
      for (const copies of [[at], [half + at], [at, half + at]]) {
        const spoiled = Buffer.from(whole)
        for (const place of copies) spoiled[place]! ^= 1 << (at % 8)
        replace(files, spoiled)
        const { kind } = readKeyFile(files, DIR, [key('a')])
        if (copies.length === 1) expect(kind, `byte ${at}`).toBe('keys')
        else expect(kind, `byte ${at}`).not.toBe('keys')
      }
    }
  })

  test('of two copies that differ the newer one counts', () => {
    const files = memoryFiles()
    writeKeyFile(files, DIR, keys(1), key('a'))
    const old = contentOf(files)
    writeKeyFile(files, DIR, keys(2), key('a'))
    const half = old.length >> 1
    replace(files, Buffer.concat([old.subarray(0, half), contentOf(files).subarray(half)]))
    expect(readKeyFile(files, DIR, [key('a')])).toMatchObject({ kind: 'keys', keys: { generation: 2 } })
  })

  test('a write that fails anywhere leaves the former one or the new one, and says when it may be either', () => {
    for (let call = 1; call < 12; call++) {
      for (const fault of ['EIO', 'ENOSPC', 'kill'] as const) {
        const disk = createFaultyDisk(seededRandom(call))
        const first = disk.start()
        first.makeDir(DIR)
        writeKeyFile(first, DIR, keys(1), key('a'))
        let calls = 0
        const failing = disk.start(({ call: name }: FaultPoint) =>
          name !== 'close' && ++calls === call ? fault : null,
        )
        let error: unknown = null
        try {
          writeKeyFile(failing, DIR, keys(2), key('a'))
        } catch (thrown) {
          error = thrown
        }
        disk.powerCut()
        const found = readKeyFile(disk.start(), DIR, [key('a')])
        const generation = found.kind === 'keys' ? found.keys.generation : found.kind
        const expected = error === null ? [2] : error instanceof UncertainWrite ? [1, 2] : [1]
        expect(expected, `call ${call} ${fault}`).toContain(generation)
      }
    }
  })
})

/** A byte array that grows by doubling: the content of a file that lives in memory. */
export interface GrowingBytes {
  size(): number
  read(into: Uint8Array, at: number): number
  /** A write past the end leaves zeros in between, as a sparse file does. */
  write(bytes: Uint8Array, at: number): void
  truncate(sizeBytes: number): void
  copy(): GrowingBytes
}

export function createGrowingBytes(initial: Uint8Array = new Uint8Array(0)): GrowingBytes {
  let bytes = initial.slice()
  let used = bytes.length
  return {
    size: () => used,
    read(into, at) {
      const count = Math.max(0, Math.min(into.length, used - at))
      into.set(bytes.subarray(at, at + count))
      return count
    },
    write(part, at) {
      const end = at + part.length
      if (end > bytes.length) {
        const larger = new Uint8Array(Math.max(end, bytes.length * 2, 4096))
        larger.set(bytes.subarray(0, used))
        bytes = larger
      }
      bytes.set(part, at)
      used = Math.max(used, end)
    },
    truncate(sizeBytes) {
      if (sizeBytes < used) bytes.fill(0, sizeBytes, used)
      used = Math.min(used, sizeBytes)
    },
    copy: () => createGrowingBytes(bytes.subarray(0, used)),
  }
}

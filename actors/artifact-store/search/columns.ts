/**
 * Numbers by slot: dense arrays in memory, stored in chunks.
 *
 * I1. What is not stored yet belongs to slots that are pending (`search.ts`); they are written again when the index opens.
 */
import type { Catalog } from '../catalog.ts'

type Values = Float64Array | Uint32Array | Uint8Array

export interface Column<T extends Values> {
  /** By slot; another array after it grew. Zero where nothing was set. */
  readonly values: T
  set(slot: number, value: number): void
}

export interface Columns {
  float64(name: string): Column<Float64Array>
  uint32(name: string): Column<Uint32Array>
  uint8(name: string): Column<Uint8Array>
  /** Writes the chunks that changed. */
  save(): void
}

export const COLUMNS_SCHEMA = `
  CREATE TABLE searchColumns (
    name TEXT NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, chunk)
  ) WITHOUT ROWID;
`

const CHUNK_SLOTS = 8192

export function createColumns(catalog: Catalog): Columns {
  const load = catalog.prepare('SELECT chunk, data FROM searchColumns WHERE name = ? ORDER BY chunk')
  const store = catalog.prepare('INSERT OR REPLACE INTO searchColumns VALUES (?, ?, ?)')
  const savers: (() => void)[] = []

  function column<T extends Values>(name: string, make: (length: number) => T): Column<T> {
    const rows = load.all(name) as unknown as { chunk: number; data: Uint8Array }[]
    let values = make(((rows.at(-1)?.chunk ?? -1) + 1) * CHUNK_SLOTS)
    const chunkBytes = CHUNK_SLOTS * values.BYTES_PER_ELEMENT
    for (const { chunk, data } of rows) bytesOf(values).set(data.subarray(0, chunkBytes), chunk * chunkBytes)
    const changed = new Set<number>()

    function grow(slot: number): void {
      const chunks = Math.max(Math.floor(slot / CHUNK_SLOTS) + 1, Math.ceil((values.length / CHUNK_SLOTS) * 1.25))
      const larger = make(chunks * CHUNK_SLOTS)
      larger.set(values)
      values = larger
    }

    savers.push(() => {
      for (const chunk of changed) {
        store.run(name, chunk, bytesOf(values).subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes))
      }
      changed.clear()
    })
    return {
      get values() {
        return values
      },
      set(slot, value) {
        if (slot >= values.length) grow(slot)
        if (values[slot] === value) return
        values[slot] = value
        changed.add(Math.floor(slot / CHUNK_SLOTS))
      },
    }
  }

  return {
    float64: (name) => column(name, (length) => new Float64Array(length)),
    uint32: (name) => column(name, (length) => new Uint32Array(length)),
    uint8: (name) => column(name, (length) => new Uint8Array(length)),
    save() {
      for (const save of savers) save()
    },
  }
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

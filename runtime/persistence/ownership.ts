/**
 * One writer per log and thread. When an actor's state is dropped and built again on the same thread (simulation, tests),
 * turns of its former life may still be waiting for a sync; what they write would overwrite the new life's records. So
 * opening a log for writing takes it away from whoever had it. Between threads and processes the data directory's lock does.
 */
import type { FileLayer } from './file-layer.ts'

/** Held by the file layer, and gone with it. */
const owners = new WeakMap<FileLayer, Map<string, () => void>>()

/** Takes `dir`, telling the former owner; returns how to give it back. */
export function takeOwnership(files: FileLayer, dir: string, onLost: () => void): () => void {
  const dirs = owners.get(files) ?? new Map<string, () => void>()
  owners.set(files, dirs)
  const former = dirs.get(dir)
  dirs.set(dir, onLost)
  former?.()
  return () => {
    if (dirs.get(dir) === onLost) dirs.delete(dir)
  }
}

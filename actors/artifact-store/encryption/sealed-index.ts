/**
 * Keeps the index of an encrypted store: the tables are in memory, and their image is written when it saves more work at the
 * next opening than it costs now.
 */
import type { Logger } from '../../../runtime/index.ts'
import type { FileLayer } from '../../../runtime/persistence/index.ts'
import { readImage, removeImages, writeImage } from './index-image.ts'
import type { ImageReference } from './key-file.ts'
import type { SealedLog } from './sealed-log.ts'

export interface SealedIndex {
  /** The image to begin with, or null when the index has to be built. To be called once. */
  load(): Uint8Array | null
  /** To be told of every record that is applied. */
  applied(): void
  /** Goes on writing an image, or begins one when it is worth it; false when there is nothing to do. `take` gives it. */
  work(take: () => Image | null): boolean
  /** Gives up the image being written, and writes none until `restart`. */
  suspend(): void
  /** The tables are built anew, and there is no image of them. */
  restart(): void
  /** Writes an image when the next opening gains by it. */
  finish(take: () => Image | null): void
}

/** The tables as they are on the disk, and up to where. */
export interface Image {
  readonly bytes: Uint8Array
  readonly position: number
}

/** Applying a record again costs about as much as writing and reading so much of an image. */
const RECORD_WORTH_BYTES = 20 * 1024
/** In the background an image is written less often: it may be outdated soon. */
const BACKGROUND_FACTOR = 4
const BACKGROUND_RECORDS_MIN = 4096

export function createSealedIndex(files: FileLayer, dir: string, log: SealedLog, logger: Logger): SealedIndex {
  let job: Generator<void, ImageReference> | null = null
  let records = 0
  let recordsInJob = 0
  let suspended = false

  function isWorthwhile(factor: number): boolean {
    // The next opening will not need it, and the key file may go.
    if (suspended || log.keys.sealedTo !== null) return false
    return records * RECORD_WORTH_BYTES > (log.keys.image?.sizeBytes ?? 0) * factor
  }

  function begin(take: () => Image | null): boolean {
    const image = take()
    if (image === null) return false
    recordsInJob = records
    job = writeImage(files, dir, { image: image.bytes, position: image.position, storeId: log.keys.storeId })
    return true
  }

  /** False when it is done. */
  function step(): boolean {
    const { done, value } = job!.next()
    if (done !== true) return true
    job = null
    records -= recordsInJob
    log.setImage(value)
    removeImages(files, dir, value.file)
    return false
  }

  /** An image is a convenience: the disk may be full. */
  function convenient(fn: () => boolean): boolean {
    try {
      return fn()
    } catch (error) {
      job = null
      logger.warn('the image of the artifact index cannot be used', { dir, problem: String(error) })
      return false
    }
  }

  return {
    load() {
      const { image: reference, storeId } = log.keys
      let image: Uint8Array | null = null
      convenient(() => {
        removeImages(files, dir, reference?.file ?? null)
        if (reference !== null) image = readImage(files, dir, reference, storeId)
        return false
      })
      if (reference !== null && image === null) logger.warn('the artifact index is built from the log', { dir })
      return image
    },
    applied: () => void records++,
    suspend() {
      job?.return(undefined as never)
      job = null
      suspended = true
    },
    restart() {
      records = 0
      suspended = false
      convenient(() => {
        removeImages(files, dir, null)
        return false
      })
    },
    work: (take) =>
      convenient(() => {
        if (job !== null) return step()
        return records >= BACKGROUND_RECORDS_MIN && isWorthwhile(BACKGROUND_FACTOR) && begin(take)
      }),
    finish: (take) =>
      void convenient(() => {
        if (job === null && (!isWorthwhile(1) || !begin(take))) return false
        while (step());
        return false
      }),
  }
}

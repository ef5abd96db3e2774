/** What may be asked of the store about its health; a part of `protocol.ts`. */
import type { ContentHash } from '../protocol.ts'

/** The second copy of all content. */
export interface MirrorStatus {
  readonly location: string
  /** `failing`: it is tried again; until then what is owed waits. */
  readonly state: 'idle' | 'copying' | 'failing'
  /** Contents that are not there yet, and deleted ones that still are. */
  readonly owedCopies: number
  readonly owedDeletes: number
  /** Since the store was opened. */
  readonly copied: number
  readonly deleted: number
  /** What it fails with. */
  readonly problem?: string
}

export interface StoreHealth {
  /** Artifacts that are quarantined. */
  readonly damaged: number
  /** Artifacts repaired from the mirror since the store was opened. */
  readonly repaired: number
  /** Null when none is configured. */
  readonly mirror: MirrorStatus | null
}

/** What a scrub found, and what became of it. */
export type ScrubFinding =
  | {
      /**
       * `corrupt`: damaged, quarantined, and there is no good copy. `unreadable`: the disk failed; nothing is said of the
       * content. Copies of the mirror that are missing or damaged are made again.
       */
      readonly kind: 'corrupt' | 'repaired' | 'unreadable' | 'copy-missing' | 'copy-damaged'
      readonly hash: ContentHash
      readonly problem: string
    }
  | {
      /** Records that are damaged, or that the disk cannot read. Nothing is missing until the index has to be built again. */
      readonly kind: 'log' | 'log-unreadable'
      readonly from: number
      readonly to: number
      readonly problem: string
    }

export interface ScrubStep {
  /** Artifacts and bytes since the step before. */
  readonly checked: number
  readonly bytes: number
  readonly findings: readonly ScrubFinding[]
  /** A scrub `after` it goes on from here. */
  readonly position: string
  /** What there was to check at the beginning. */
  readonly totals: { readonly artifacts: number; readonly bytes: number }
  readonly done: boolean
}

export interface ScrubRequest {
  /** The last `position` of a scrub that was interrupted. */
  readonly after?: string
  /** Reads no more than this, on average. @default no limit */
  readonly bytesPerSecond?: number
  /** Reads the mirror's copies back as well. @default false */
  readonly mirror?: boolean
}

export interface CareCalls {
  health(arg: Record<string, never>): StoreHealth
  /**
   * Reads and re-hashes everything. Damaged artifacts are quarantined, and repaired from the mirror when it has a good copy;
   * those that are still damaged are listed. What cannot be read fails with `STORAGE_IO` and is no damage.
   */
  verify(arg: Record<string, never>): {
    readonly checked: number
    readonly corrupt: readonly ContentHash[]
    readonly repaired: readonly ContentHash[]
  }
  /** The same step by step, beside others, and the checksums of the log as well. What cannot be read is a finding here. */
  scrub(arg: ScrubRequest): AsyncIterable<ScrubStep>
  /**
   * Writes everything that lives before `position` of the log again and drops what was there, damaged records included. Not
   * while artifacts are damaged: their bytes would be gone for good.
   */
  mendLog(arg: { readonly position: number }): { readonly mended: boolean; readonly damaged: number }
}

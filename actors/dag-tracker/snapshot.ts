/**
 * The tracker's whole state as bytes, for the journal's snapshots: ended runs by their ends, unfinished ones by their
 * records, and the content cache. Restoring replays the records, as the journal itself would.
 */
import { pack, unpack } from 'msgpackr'
import type { ContentCache } from './cache.ts'
import { dagErrors } from './errors.ts'
import type { EndedRun } from './history.ts'
import {
  decodeRecords,
  encodeRecords,
  JOURNAL_FORMAT,
  storedFromFields,
  storedToFields,
  type RecordOf,
  type RunRecord,
} from './record.ts'

export interface TrackerState {
  /** Number for the next run. */
  readonly nextRun: number
  readonly ended: readonly EndedRun[]
  /** Records of each unfinished run. */
  readonly unfinished: readonly (readonly RunRecord[])[]
}

type Packed = readonly [
  format: number,
  nextRun: number,
  ended: readonly (readonly [json: string, end: Uint8Array])[],
  unfinished: readonly Uint8Array[],
  cache: readonly (readonly [key: Uint8Array, ...ReturnType<typeof storedToFields>])[],
]

export function encodeState({ nextRun, ended, unfinished }: TrackerState, cache: ContentCache): Uint8Array {
  const packed: Packed = [
    JOURNAL_FORMAT,
    nextRun,
    ended.map(({ end, ...rest }) => [JSON.stringify(rest), encodeRecords([end])]),
    unfinished.map(encodeRecords),
    [...cache.entries()].map(([key, stored]) => [Buffer.from(key, 'hex'), ...storedToFields(stored)]),
  ]
  return pack(packed)
}

/** Fills the cache and returns the rest. */
export function decodeState(bytes: Uint8Array, cache: ContentCache): TrackerState {
  const [format, nextRun, ended, unfinished, entries] = unpack(bytes) as Packed
  if (format > JOURNAL_FORMAT) throw dagErrors.fail('JOURNAL_FORMAT_NEWER', { format, supported: JOURNAL_FORMAT })
  for (const [key, ...fields] of entries) cache.add(Buffer.from(key).toString('hex'), storedFromFields(fields))
  return {
    nextRun,
    ended: ended.map(([json, end]) => {
      const [last] = decodeRecords(end)
      return { ...(JSON.parse(json) as Omit<EndedRun, 'end'>), end: last as RecordOf<'run-ended'> }
    }),
    unfinished: unfinished.map(decodeRecords),
  }
}

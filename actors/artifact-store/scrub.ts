/**
 * Reads and re-hashes everything, then goes over the log's own checksums, letting others in between. What is damaged is
 * quarantined, and repaired where there is a good copy; what cannot be read now is neither.
 */
import { isPitError, sleep, type Clock, type LogPosition } from '../../runtime/index.ts'
import type { ArtifactRow } from './artifacts.ts'
import { invalid } from './input.ts'
import type { Mirror } from './mirror/mirror.ts'
import type { Repairs } from './mirror/repairing.ts'
import type { ContentHash, ScrubFinding, ScrubStep } from './protocol.ts'
import { isInParts, type StoredPlace } from './records.ts'
import type { Storage } from './storage.ts'
import { visible } from './store.ts'

/** A place in creation order. */
export interface Place {
  readonly createdAt: number
  readonly hash: string
}

export const START: Place = Object.freeze({ createdAt: -1, hash: '' })

export interface ScrubOptions {
  /** The storage of the moment: it may be opened again meanwhile. */
  readonly ready: () => Promise<Storage>
  readonly repairs: Repairs
  /** When its copies are to be read back as well. */
  readonly mirror: Mirror | null
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Where a former one was interrupted: its last `position`. */
  readonly after: string | undefined
  readonly bytesPerSecond: number
}

const PAGE = 100
/** After this much others have their turn. */
const SLICE_BYTES = 4 * 1024 * 1024
/** At least so often it is told how far it came. */
const STEP_BYTES = 32 * 1024 * 1024
const LOG_POSITION = /^log:(\d+)$/

/** Ends with the step that is `done`. */
export async function* scrub(options: ScrubOptions): AsyncGenerator<ScrubStep> {
  const storage = await options.ready()
  const all = storage.query(({ dedup }) => dedup.stats(0))
  const totals = { artifacts: all.artifacts, bytes: all.uniqueBytes }
  const pace = createPace(options)
  const { after } = options
  const inLog = after === undefined ? null : LOG_POSITION.exec(after)
  if (inLog === null) {
    const from = after === undefined ? START : parsePlace(after)
    for await (const step of scrubArtifacts(options, from, pace)) yield { ...step, totals, done: false }
  }
  const start = inLog === null ? 0 : Number(inLog[1])
  for await (const step of scrubLog(options, start, pace)) yield { ...step, totals, done: false }
  yield { checked: 0, bytes: 0, findings: [], position: `log:${storage.log.end}`, totals, done: true }
}

/** A place as `list` and `scrub` give it. Error: `ARTIFACT_INVALID`. */
export function parsePlace(cursor: string): Place {
  const match = /^(\d+):([0-9a-f]{64})$/.exec(cursor)
  if (match === null) throw invalid('cursor', 'is not one that was given')
  return { createdAt: Number(match[1]), hash: match[2]! }
}

type Step = Pick<ScrubStep, 'checked' | 'bytes' | 'findings' | 'position'>
type Pace = (bytes: number) => Promise<void>

async function* scrubArtifacts(options: ScrubOptions, from: Place, pace: Pace): AsyncGenerator<Step> {
  for (let after = from; ;) {
    const page = (await options.ready()).query(({ artifacts }) => artifacts.page(after, PAGE))
    if (page.length === 0) return
    let step = nothing(after)
    for (const { createdAt, hash } of page) {
      // Looked up again: since the page was read it may have been moved, trashed or repaired.
      const row = visible(await options.ready(), hash)
      const findings = row === null ? [] : await check(options, row, pace)
      const checked = step.checked + (row === null ? 0 : 1)
      const bytes = step.bytes + (row?.sizeBytes ?? 0)
      step = { checked, bytes, findings: [...step.findings, ...findings], position: `${createdAt}:${hash}` }
      if (bytes < STEP_BYTES && findings.length === 0) continue
      yield step
      step = nothing({ createdAt, hash })
    }
    yield step
    after = page.at(-1)!
  }
}

function nothing({ createdAt, hash }: Place): Step {
  return { checked: 0, bytes: 0, findings: [], position: `${createdAt}:${hash}` }
}

async function check(options: ScrubOptions, row: ArtifactRow, pace: Pace): Promise<readonly ScrubFinding[]> {
  const { hash } = row
  try {
    const damage = await damageOf(options.ready, hash, pace)
    if (damage !== null) {
      const storage = await options.ready()
      if (visible(storage, hash)?.damaged === 0) storage.write({ t: 'damaged', hash })
      await storage.durable()
      const repaired = await options.repairs.repair(hash)
      return [{ kind: repaired ? 'repaired' : 'corrupt', hash, problem: damage }]
    }
  } catch (error) {
    if (!isPitError(error, 'STORAGE_IO')) throw error
    return [{ kind: 'unreadable', hash, problem: error.message }]
  }
  return options.mirror === null ? [] : checkMirror(options, options.mirror, row, pace)
}

async function checkMirror(
  { ready }: ScrubOptions,
  mirror: Mirror,
  { id, hash, sizeBytes }: ArtifactRow,
  pace: Pace,
): Promise<readonly ScrubFinding[]> {
  if ((await ready()).query((tables) => tables.mirror.owes(id))) return []
  const copy = await mirror.check(hash, sizeBytes)
  await pace(sizeBytes)
  if (copy === 'good') return []
  await mirror.again(id, hash)
  return [{ kind: copy === 'missing' ? 'copy-missing' : 'copy-damaged', hash, problem: 'it is copied again' }]
}

/**
 * What is in blocks is gone through a slice at a time: each is verified by itself. It is looked up for every slice: in
 * between it may have been moved or deleted.
 */
async function damageOf(ready: () => Promise<Storage>, hash: ContentHash, pace: Pace): Promise<string | null> {
  for (let offset = 0; ; offset += SLICE_BYTES) {
    const storage = await ready()
    const row = visible(storage, hash)
    if (row === null || (offset > 0 && offset >= row.sizeBytes)) return null
    const sliced = row.sizeBytes > SLICE_BYTES && isInParts(JSON.parse(row.frames) as StoredPlace)
    const read = sliced ? storage.readRange(row, offset, SLICE_BYTES) : storage.read(row)
    if (read.kind === 'damaged') return read.problem
    await pace(read.content.length)
    if (!sliced) return null
  }
}

/** Damage of what is no content: nothing is lost while the index is there, but it could not be built again. */
async function* scrubLog({ ready }: ScrubOptions, from: LogPosition, pace: Pace): AsyncGenerator<Step> {
  const { end } = (await ready()).log
  for (let position = from; position < end;) {
    const { log } = await ready()
    const findings: ScrubFinding[] = []
    position = Math.max(position, log.start)
    const start = position
    const onDamage = ({ from: at, to, file }: { from: number; to: number; file: string }): void => {
      findings.push({ kind: 'log', from: at, to, problem: `bytes ${at} to ${to} of the log, in ${file}` })
      position = to
    }
    try {
      for (const record of log.read(position, { onDamage })) {
        position = record.next
        if (position - start >= SLICE_BYTES || position >= end) break
      }
      if (position === start) position = end
    } catch (error) {
      const damaged = isPitError(error, 'ENCRYPTION_TAMPERED')
      if (!damaged && !isPitError(error, 'LOG_IO')) throw error
      const to = log.segments().find((segment) => segment.end > position)?.end ?? end
      findings.push({ kind: damaged ? 'log' : 'log-unreadable', from: position, to, problem: error.message })
      position = to
    }
    yield { checked: 0, bytes: 0, findings, position: `log:${position}` }
    await pace(position - start)
  }
}

/** Lets others have their turn after every slice, and waits where it would be faster than it may. */
function createPace({ clock, signal, bytesPerSecond }: ScrubOptions): Pace {
  const startMs = clock.monotonicMs()
  let total = 0
  let slice = 0
  return async (bytes) => {
    total += bytes
    if ((slice += bytes) < Math.min(SLICE_BYTES, bytesPerSecond / 4)) return
    slice = 0
    const dueMs = (total / bytesPerSecond) * 1000 - (clock.monotonicMs() - startMs)
    await sleep(clock, Math.max(0, dueMs), signal)
  }
}

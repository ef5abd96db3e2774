/**
 * The journal's records: one per transition of a run, and the run's events are these records in this order.
 *
 * On the log, a batch of records is one msgpack array `[FORMAT, record, record, …]`, a record an array that starts with
 * its kind's number, the run's number and the time. Users' values are JSON text inside: msgpack readers rename keys such as
 * `__proto__`. Fields are only ever added at the end; a batch of a newer format is refused.
 */
import { pack, unpack } from 'msgpackr'
import type { ContentHash } from '../artifact-store/protocol.ts'
import { dagErrors } from './errors.ts'
import type { NodeFailure, RunState, WorkflowDefinition } from './protocol.ts'

/** A node's output as the journal holds it: in place up to 4 KiB of canonical JSON, else by reference. */
export type StoredValue =
  | { readonly value: unknown }
  | { readonly artifact: ContentHash; readonly sizeBytes: number; readonly contentType: string }

/** All that a run is made from; replaying its records on top gives the run as it was. */
export interface RunStart {
  readonly runId: string
  readonly definition: WorkflowDefinition
  readonly definitionHash: string
  /** With defaults filled in. */
  readonly inputs: Readonly<Record<string, unknown>>
  readonly inputsHash: string
  readonly tenant: string
  readonly maxConcurrency: number
  readonly roots: readonly string[]
  readonly cache: boolean
  /** Id of the message that started it: a redelivered start finds its run. */
  readonly callId: string
}

interface Common {
  /** Number of the run in this journal. */
  readonly run: number
  /** Wall time, milliseconds. */
  readonly at: number
}

export type RunRecord = Common &
  (
    | { readonly kind: 'run-started'; readonly start: RunStart }
    | { readonly kind: 'run-resumed' }
    | { readonly kind: 'run-state'; readonly state: RunState; readonly message: string }
    | { readonly kind: 'nodes-added'; readonly node: number; readonly items: number }
    | { readonly kind: 'node-started'; readonly node: number; readonly attempt: number }
    | {
        readonly kind: 'node-completed'
        readonly node: number
        readonly output: StoredValue
        readonly cached: boolean
        /** Key in the content cache, 64 hex digits; null when the result is not to be shared. */
        readonly key: string | null
        readonly usage: { readonly model: string; readonly durationMs: number } | null
      }
    | { readonly kind: 'node-failed'; readonly node: number; readonly code: string; readonly message: string }
    | {
        readonly kind: 'node-skipped'
        readonly node: number
        readonly code: string
        readonly message: string
        readonly output: StoredValue | null
      }
    | {
        readonly kind: 'node-retried'
        readonly node: number
        /** The attempt to come. */
        readonly attempt: number
        /** Wall time of the next try; irrelevant with `fallback`. */
        readonly dueAt: number
        /** The node's fallback takes over from here. */
        readonly fallback: boolean
        readonly code: string
        readonly message: string
      }
    | {
        readonly kind: 'run-ended'
        readonly state: RunState
        readonly outputs: Readonly<Record<string, StoredValue>>
        /** What failed about the run as a whole, besides its nodes. */
        readonly failures: readonly NodeFailure[]
        /** Where the history log keeps the records of this run. */
        readonly pages: readonly number[]
      }
  )

export type RecordOf<K extends RunRecord['kind']> = Extract<RunRecord, { kind: K }>

export const JOURNAL_FORMAT = 1

const KINDS = [
  'run-started',
  'run-resumed',
  'run-state',
  'nodes-added',
  'node-started',
  'node-completed',
  'node-failed',
  'node-skipped',
  'node-retried',
  'run-ended',
] as const satisfies readonly RunRecord['kind'][]

const KIND_NUMBERS: ReadonlyMap<string, number> = new Map(KINDS.map((kind, number) => [kind, number]))

export function encodeRecords(records: readonly RunRecord[]): Uint8Array {
  return pack([JOURNAL_FORMAT, ...records.map(toTuple)])
}

export function decodeRecords(payload: Uint8Array): RunRecord[] {
  const [format, ...tuples] = unpack(payload) as [number, ...Tuple[]]
  if (format > JOURNAL_FORMAT) throw dagErrors.fail('JOURNAL_FORMAT_NEWER', { format, supported: JOURNAL_FORMAT })
  return tuples.map(fromTuple)
}

type Tuple = readonly [kind: number, run: number, at: number, ...fields: unknown[]]

function toTuple(record: RunRecord): Tuple {
  return [KIND_NUMBERS.get(record.kind)!, record.run, record.at, ...fieldsOf(record)]
}

function fieldsOf(record: RunRecord): unknown[] {
  switch (record.kind) {
    case 'run-started':
      return [JSON.stringify(record.start)]
    case 'run-resumed':
      return []
    case 'run-state':
      return [record.state, record.message]
    case 'nodes-added':
      return [record.node, record.items]
    case 'node-started':
      return [record.node, record.attempt]
    case 'node-completed': {
      const key = record.key === null ? null : Buffer.from(record.key, 'hex')
      const usage = record.usage === null ? null : [record.usage.model, record.usage.durationMs]
      return [record.node, ...storedToFields(record.output), record.cached, key, usage]
    }
    case 'node-failed':
      return [record.node, record.code, record.message]
    case 'node-skipped':
      return [record.node, record.code, record.message, record.output === null ? null : storedToFields(record.output)]
    case 'node-retried':
      return [record.node, record.attempt, record.dueAt, record.fallback, record.code, record.message]
    case 'run-ended':
      return [
        record.state,
        Object.entries(record.outputs).map(([name, stored]) => [name, storedToFields(stored)]),
        record.failures,
        record.pages,
      ]
  }
}

function fromTuple([number, run, at, ...fields]: Tuple): RunRecord {
  const kind = KINDS[number]!
  const f = fields as never[]
  const common = { run, at }
  switch (kind) {
    case 'run-started':
      return { kind, ...common, start: JSON.parse(f[0]!) as RunStart }
    case 'run-resumed':
      return { kind, ...common }
    case 'run-state':
      return { kind, ...common, state: f[0]!, message: f[1]! }
    case 'nodes-added':
      return { kind, ...common, node: f[0]!, items: f[1]! }
    case 'node-started':
      return { kind, ...common, node: f[0]!, attempt: f[1]! }
    case 'node-completed': {
      const [node, payload, artifact, cached, keyBytes, used] = f as unknown as CompletedFields
      const key = keyBytes === null ? null : Buffer.from(keyBytes).toString('hex')
      const usage = used === null ? null : { model: used[0], durationMs: used[1] }
      return { kind, ...common, node, output: storedFromFields([payload, artifact]), cached, key, usage }
    }
    case 'node-failed':
      return { kind, ...common, node: f[0]!, code: f[1]!, message: f[2]! }
    case 'node-skipped': {
      const output = fields[3] as StoredFields | null
      return { kind, ...common, node: f[0]!, code: f[1]!, message: f[2]!, output: output && storedFromFields(output) }
    }
    case 'node-retried':
      return {
        kind,
        ...common,
        node: f[0]!,
        attempt: f[1]!,
        dueAt: f[2]!,
        fallback: f[3]!,
        code: f[4]!,
        message: f[5]!,
      }
    case 'run-ended':
      return { kind, ...common, state: f[0]!, outputs: outputsFrom(f[1]!), failures: f[2]!, pages: f[3]! }
  }
}

function outputsFrom(entries: readonly (readonly [string, StoredFields])[]): Readonly<Record<string, StoredValue>> {
  return Object.fromEntries(entries.map(([name, fields]) => [name, storedFromFields(fields)]))
}

/** `[JSON text, null]` in place, `[hash, [sizeBytes, contentType]]` by reference. */
type StoredFields = readonly [string, readonly [sizeBytes: number, contentType: string] | null]
type CompletedFields = readonly [
  node: number,
  payload: string,
  artifact: StoredFields[1],
  cached: boolean,
  key: Uint8Array | null,
  usage: readonly [model: string, durationMs: number] | null,
]

export function storedToFields(stored: StoredValue): StoredFields {
  if ('value' in stored) return [JSON.stringify(stored.value), null]
  return [stored.artifact, [stored.sizeBytes, stored.contentType]]
}

export function storedFromFields([payload, artifact]: StoredFields): StoredValue {
  if (artifact === null) return { value: JSON.parse(payload) as unknown }
  return { artifact: payload as ContentHash, sizeBytes: artifact[0], contentType: artifact[1] }
}

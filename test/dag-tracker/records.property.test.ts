/** The journal's records survive their way to the disk and back; a run is what its records make it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ContentHash } from '../../actors/artifact-store/protocol.ts'
import { createContentCache } from '../../actors/dag-tracker/cache.ts'
import { applyRecord, beginRun, replayRun } from '../../actors/dag-tracker/progress.ts'
import { decodeRecords, encodeRecords, type RecordOf, type RunRecord } from '../../actors/dag-tracker/record.ts'
import { takeReady } from '../../actors/dag-tracker/scheduler.ts'
import { decodeState, encodeState } from '../../actors/dag-tracker/snapshot.ts'
import { noop, workflowOf } from './engine-support.ts'

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as ContentHash)
const stored = fc.oneof(
  json.map((value) => ({ value })),
  fc.record({ artifact: hash, sizeBytes: fc.nat(), contentType: fc.constantFrom('text/plain', 'application/json') }),
)
const common = { run: fc.nat(), at: fc.nat(), node: fc.nat() }
const text = fc.string()

const records: fc.Arbitrary<RunRecord> = fc.oneof(
  fc.record({ kind: fc.constant('run-resumed' as const), run: fc.nat(), at: fc.nat() }),
  fc.record({ kind: fc.constant('node-started' as const), ...common, attempt: fc.nat() }),
  fc.record({ kind: fc.constant('nodes-added' as const), ...common, items: fc.nat() }),
  fc.record({
    kind: fc.constant('node-completed' as const),
    ...common,
    output: stored,
    cached: fc.boolean(),
    key: fc.option(hash),
    usage: fc.option(fc.record({ model: text, durationMs: fc.nat() })),
  }),
  fc.record({ kind: fc.constant('node-failed' as const), ...common, code: text, message: text }),
  fc.record({
    kind: fc.constant('node-skipped' as const),
    ...common,
    code: text,
    message: text,
    output: fc.option(stored),
  }),
  fc.record({
    kind: fc.constant('node-retried' as const),
    ...common,
    attempt: fc.nat(),
    dueAt: fc.nat(),
    fallback: fc.boolean(),
    code: text,
    message: text,
  }),
  fc.record({
    kind: fc.constant('run-ended' as const),
    run: fc.nat(),
    at: fc.nat(),
    state: fc.constantFrom('completed' as const, 'failed' as const),
    outputs: fc.dictionary(text, stored).map((outputs) => Object.fromEntries(Object.entries(outputs))),
    failures: fc.array(fc.record({ nodeId: text, code: text, message: text })),
    pages: fc.array(fc.nat()),
  }),
)

test('records come back as they were, hostile keys included', () => {
  fc.assert(
    fc.property(fc.array(records, { maxLength: 20 }), (batch) => {
      expect(decodeRecords(encodeRecords(batch))).toEqual(batch)
    }),
  )
  const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as unknown
  const [record] = decodeRecords(
    encodeRecords([
      { kind: 'node-completed', run: 1, at: 2, node: 3, output: { value }, cached: false, key: null, usage: null },
    ]),
  )
  expect(JSON.stringify(record)).toContain('{"__proto__":{"polluted":true},"constructor":1}')
})

test('a transition with a small output takes at most 200 bytes', () => {
  const at = 1_800_000_000_000.5
  const started: RunRecord = { kind: 'node-started', run: 1, at, node: 99_999, attempt: 1 }
  const output = { value: { text: 'forty characters of text, more or less ok' } }
  const key = 'ab'.repeat(32)
  const usage = { model: 'summarizer', durationMs: 12_345 }
  const completed: RunRecord = { kind: 'node-completed', run: 1, at, node: 99_999, output, cached: false, key, usage }
  expect(encodeRecords([started]).length).toBeLessThan(40)
  expect(encodeRecords([completed]).length).toBeLessThan(200)
})

test('a journal of a newer format is refused', () => {
  const bytes = Uint8Array.of(0x91, 99)
  expect(() => decodeRecords(bytes)).toThrow(expect.objectContaining({ code: 'JOURNAL_FORMAT_NEWER' }) as Error)
})

function startOf(nodes: number): RecordOf<'run-started'> {
  const definition = workflowOf([
    ...Array.from({ length: nodes }, (_, at) =>
      noop(`n${at}`, {}, { after: at < 2 ? [] : [`n${at - 2}`, `n${at - 1}`] }),
    ),
    { id: 'm', kind: 'map', over: [1, 2, 3], body: { nodes: [noop('x'), noop('y', { v: { from: 'x' } })] } },
  ])
  const start = { runId: 'r', definition, definitionHash: 'd', inputs: {}, inputsHash: 'i', tenant: 't' }
  return {
    kind: 'run-started',
    run: 1,
    at: 0,
    start: { ...start, maxConcurrency: 2, roots: [], cache: true, callId: '' },
  }
}

/** Drives a run with random decisions until it has nothing to do, checking its counts on the way. */
function drive(first: RecordOf<'run-started'>, choices: readonly number[]): readonly RunRecord[] {
  const run = beginRun(first)
  for (let at = 1; ; at++) {
    const node = takeReady(run)
    if (node < 0) break
    const choice = choices[at % choices.length]!
    const base = { run: 1, at, node }
    const apply = (record: RunRecord): void => applyRecord(run, record)
    const expanded = run.maps.has(node)
    if (!expanded) apply({ kind: 'node-started', ...base, attempt: 1 })
    if (run.scopes[0]!.graph.nodes[node]?.kind === 'map' && !expanded) apply({ kind: 'nodes-added', ...base, items: 3 })
    else if (choice === 0) apply({ kind: 'node-failed', ...base, code: 'X', message: '' })
    else apply({ kind: 'node-completed', ...base, output: { value: at }, cached: false, key: null, usage: null })
    expect(run.counts.reduce((sum, count) => sum + count, 0)).toBe(run.table.count)
    expect(Math.min(...run.counts)).toBeGreaterThanOrEqual(0)
  }
  return run.records
}

test('replaying records, also through a snapshot, gives the same run', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 9 }),
      fc.nat({ max: 60 }),
      (nodes, choices, cut) => {
        const all = drive(startOf(nodes), choices)
        const some = all.slice(0, 1 + (cut % all.length))
        const cache = createContentCache()
        const bytes = encodeState({ nextRun: 2, ended: [], unfinished: [some] }, cache)
        const run = replayRun(decodeState(bytes, cache).unfinished[0]!)
        for (const record of decodeRecords(encodeRecords(all.slice(some.length)))) applyRecord(run, record)
        const direct = replayRun(all)
        expect(run.table.state.slice(0, run.table.count)).toEqual(direct.table.state.slice(0, direct.table.count))
        expect(run.table.outputs).toEqual(direct.table.outputs)
        expect(run.counts).toEqual(direct.counts)
        expect(run.unhandled).toEqual(direct.unhandled)
      },
    ),
  )
})

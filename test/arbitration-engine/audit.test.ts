/** The audit trail: chained, replayable, findable, bounded. */
import { describe, expect, test } from 'vitest'
import { memoryFiles, openLog, type Log } from '../../runtime/persistence/index.ts'
import { decide } from '../../actors/arbitration-engine/arbiter.ts'
import { checkChain, GENESIS, openAudit, sealEntry, type AuditTrail } from '../../actors/arbitration-engine/audit.ts'
import { restoreState, snapshotOf } from '../../actors/arbitration-engine/snapshot.ts'
import type { ArbiterState } from '../../actors/arbitration-engine/state.ts'
import { arbiter, released, requested } from './support.ts'

const KEEP = { keepBytes: 2 ** 30 }

/** Requests of two tenants for one slot, one after the other, recorded as the engine would. */
function record(audit: AuditTrail, state: ArbiterState, from: number, count: number): void {
  for (let n = from; n < from + count; n++) {
    const request = { id: `r${n}`, tenant: n % 2 === 0 ? 'a' : 'b', runId: `run${n % 5}`, resources: { slot: 1 } }
    const event = requested(request)
    audit.record({ at: n, event, decisions: decide(state, event, n).records })
    const [grant] = state.grants.byId.keys()
    const release = released(grant!)
    audit.record({ at: n, event: release, decisions: decide(state, release, n).records })
  }
  audit.flush()
}

function payloads(log: Log): { position: number; payload: Uint8Array }[] {
  return [...log.read(log.start)].map(({ position, payload }) => ({ position, payload: payload.slice() }))
}

describe('the chain', () => {
  const log = openLog({ dir: '/audit', files: memoryFiles() })
  record(openAudit(log, KEEP), arbiter({ slot: 1 }), 0, 20)
  const whole = payloads(log)

  test('is whole as written', () => {
    expect(checkChain(whole)).toEqual({ intact: true, entries: 40 })
    expect(openAudit(log, KEEP).verify()).toEqual({ intact: true, entries: 40 })
  })

  test('shows every flipped byte', () => {
    for (let i = 0; i < 400; i++) {
      const entry = whole[(i * 7) % whole.length]!
      const at = (i * 131) % entry.payload.length
      // The separator between hash and body carries no information.
      if (at === 64) continue
      const payload = entry.payload.slice()
      payload[at]! ^= 1 << (i % 7)
      const changed = whole.with(whole.indexOf(entry), { ...entry, payload })
      expect(checkChain(changed), `byte ${at} of the entry at ${entry.position}`).toMatchObject({ intact: false })
    }
  })

  test('shows a removed, doubled, exchanged or re-hashed entry', () => {
    const exchanged = whole
      .with(3, { ...whole[4]!, position: whole[3]!.position })
      .with(4, { ...whole[3]!, position: whole[4]!.position })
    expect(checkChain(whole.toSpliced(5, 1))).toMatchObject({ intact: false, brokenAt: whole[6]!.position })
    expect(checkChain(whole.toSpliced(5, 0, whole[5]!))).toMatchObject({ intact: false })
    expect(checkChain(exchanged)).toMatchObject({ intact: false })
    const forged = sealEntry({ at: 1, event: { kind: 'time-passed' }, decisions: [] }, GENESIS).payload
    expect(checkChain(whole.with(2, { ...whole[2]!, payload: forged }))).toMatchObject({ intact: false })
    expect(checkChain(whole.slice(1).map((entry, i) => ({ ...entry, position: whole[i]!.position })))).toMatchObject({
      intact: false,
    })
  })
})

describe('after a restart', () => {
  test('snapshot and later entries give the same state, and the chain goes on', async () => {
    const files = memoryFiles()
    const log = openLog({ dir: '/audit', files })
    const audit = openAudit(log, KEEP)
    const state = arbiter({ slot: 1 })
    record(audit, state, 0, 30)
    await audit.snapshot(snapshotOf(state))
    record(audit, state, 30, 10)
    await audit.close()

    const again = openAudit(openLog({ dir: '/audit', files }), KEEP)
    const restored = restoreState(state.settings, again.recovered.state!)!
    expect(again.recovered.entries).toHaveLength(20)
    for (const { at, event, decisions } of again.recovered.entries) {
      expect(decide(restored, event, at).records).toEqual(decisions)
    }
    expect(snapshotOf(restored)).toEqual(JSON.parse(JSON.stringify(snapshotOf(state))))
    record(again, restored, 40, 5)
    expect(again.verify()).toEqual({ intact: true, entries: 90 })
  })
})

describe('finding decisions', () => {
  test('by id, by request, by tenant and run, newest first – also those only the log remembers', async () => {
    const files = memoryFiles()
    const log = openLog({ dir: '/audit', files, segmentBytes: 32_768 })
    const audit = openAudit(log, KEEP)
    const state = arbiter({ slot: 1 })
    record(audit, state, 0, 600)
    const first = audit.find('r0')!
    await audit.snapshot(snapshotOf(state))
    await audit.close()

    const later = openAudit(openLog({ dir: '/audit', files, segmentBytes: 32_768 }), KEEP)
    expect(later.find('r0'), 'out of memory after the restart').toBeNull()
    expect(later.find(first.id)).toEqual(first)
    expect(later.find('decision_0_999999')).toBeNull()
    expect(later.find('r599')).toMatchObject({ tenant: 'b', runId: 'run4', outcome: 'granted' })
    expect(later.query({ tenant: 'b', runId: 'run4', limit: 2 }).map(({ requestId }) => requestId)).toEqual([
      'r599',
      'r589',
    ])
  })

  test('the oldest part is dropped above the limit, and the rest still chains', async () => {
    const log = openLog({ dir: '/audit', files: memoryFiles(), segmentBytes: 16_384 })
    const audit = openAudit(log, { keepBytes: 100_000 })
    const state = arbiter({ slot: 1 })
    record(audit, state, 0, 400)
    const before = log.physicalBytes()
    await audit.snapshot(snapshotOf(state))
    expect(before).toBeGreaterThan(200_000)
    expect(log.physicalBytes()).toBeLessThan(130_000)
    expect(audit.verify()).toMatchObject({ intact: true })
  })
})

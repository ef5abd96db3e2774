/** The engine as an actor: messages, waiting, crashes, expiry, restarts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defineActor, type ActorRef, type ActorSystem } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'
import { manualClock, type ManualClock } from '../support/manual-clock.ts'
import {
  arbitrationEngine,
  arbitrationEngineActor,
  type ArbitrationConfig,
  type ArbitrationProtocol,
  type Granted,
  type ResourceRequest,
} from '../../actors/arbitration-engine/index.ts'

interface AskerProtocol {
  forward(arg: { readonly requests: readonly ResourceRequest[] }): unknown
}

/** A holder that can be killed: an actor that asks on the test's behalf. */
const asker = defineActor<AskerProtocol, null>({
  name: 'dag-tracker',
  module: import.meta.url,
  peers: ['arbitration-engine'],
  init: () => null,
  handlers: { forward: (_, arg, ctx) => ctx.ref(arbitrationEngine).ask.arbitrate(arg) },
})

let clock: ManualClock
let dataDir: string
let system: ActorSystem
let engine: ActorRef<ArbitrationProtocol>

async function open(config: Partial<ArbitrationConfig> = {}): Promise<void> {
  system = await startInProcess({
    clock,
    actors: [[arbitrationEngineActor, { dataDir, capacity: { cpu: 2 }, ...config }], [asker]],
  })
  engine = system.ref(arbitrationEngine)
}

beforeEach(async () => {
  clock = manualClock()
  dataDir = mkdtempSync(join(tmpdir(), 'pit-arbitration-'))
  await open()
})
afterEach(async () => {
  await system.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const cpu = (id: string, rest: Partial<ResourceRequest> = {}): ResourceRequest => ({
  id,
  tenant: 'a',
  resources: { cpu: 1 },
  ...rest,
})

async function take(...ids: readonly string[]): Promise<Granted[]> {
  const { rulings } = await engine.ask.arbitrate({ requests: ids.map((id) => cpu(id)) })
  return rulings.filter((ruling) => ruling.outcome === 'granted')
}

describe('asking', () => {
  test('grants what fits, defers the rest, and settles those who wait as soon as one is decided', async () => {
    const [first] = await take('r1', 'r2', 'r3', 'r4')
    const { rulings } = await engine.ask.arbitrate({ requests: [cpu('r3'), cpu('r4')] })
    expect(rulings).toMatchObject([
      { outcome: 'deferred', position: 0 },
      { outcome: 'deferred', position: 1 },
    ])
    const waiting = engine.ask.awaitGrant({ requestIds: ['r3', 'r4'] })
    await engine.ask.release({ releases: [{ grantId: first!.grantId, units: 1 }] })
    expect((await waiting).rulings).toMatchObject([{ requestId: 'r3', outcome: 'granted', units: 1 }])
  })

  test('cancelling answers who waits, and gives back what was granted meanwhile', async () => {
    await take('r1', 'r2', 'r3')
    const waiting = engine.ask.awaitGrant({ requestIds: ['r3'] })
    await engine.ask.cancel({ requestIds: ['r3'] })
    expect((await waiting).rulings).toMatchObject([{ requestId: 'r3', outcome: 'denied' }])
    await engine.ask.cancel({ requestIds: ['r1', 'r2'] })
    expect((await engine.ask.status({})).inUse).toEqual({})
  })

  test('a malformed request is refused by name and changes nothing', async () => {
    const bad = [
      cpu(''),
      cpu('x', { units: 0 }),
      cpu('x', { resources: { cpu: -1 } }),
      cpu('x', { resources: { cpu: Number.NaN } }),
      cpu('x', { priority: 'urgent' as 'high' }),
      cpu('x', { deadlineAt: Number.POSITIVE_INFINITY }),
    ]
    for (const request of bad) {
      await expect(engine.ask.arbitrate({ requests: [cpu('good'), request] })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      })
    }
    await expect(engine.ask.setCapacity({ capacity: { cpu: -1 } })).rejects.toMatchObject({ code: 'CAPACITY_INVALID' })
    await expect(engine.ask.setTenant({ tenant: 'a', weight: 0 })).rejects.toMatchObject({ code: 'TENANT_INVALID' })
    await expect(engine.ask.release({ releases: [{ grantId: 'g', units: 0.5 }] })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    })
    expect(await engine.ask.status({})).toMatchObject({ queued: 0, decisions: 0, inUse: {}, capacity: { cpu: 2 } })
  })

  test('every decision can be explained, queried and verified', async () => {
    await take('r1', 'r2', 'r3')
    const { rulings } = await engine.ask.arbitrate({ requests: [cpu('big', { resources: { cpu: 3 }, runId: 'run7' })] })
    const record = await engine.ask.explain({ id: rulings[0]!.decisionId })
    expect(record).toMatchObject({ requestId: 'big', outcome: 'denied', tenant: 'a', strategy: 'fair', runId: 'run7' })
    expect(record!.rationale).toBe(rulings[0]!.rationale)
    expect(await engine.ask.decisions({ runId: 'run7' })).toEqual([record])
    expect((await engine.ask.decisions({ limit: 2 })).map(({ requestId }) => requestId)).toEqual(['big', 'r3'])
    expect((await engine.ask.verifyAudit({})).intact).toBe(true)
    expect((await engine.ask.status({})).conflicts).toMatchObject([
      { kind: 'cpu-saturation', resource: 'cpu', waiting: 1 },
    ])
  })
})

describe('time', () => {
  test('a grant that is not renewed returns; a renewed one stays', async () => {
    const [first, second] = await take('r1', 'r2', 'r3')
    const waiting = engine.ask.awaitGrant({ requestIds: ['r3'] }, { deadlineMs: Infinity })
    await engine.ask.status({})
    clock.advance(20_000)
    const renewed = await engine.ask.renew({ grantIds: [second!.grantId, 'unknown'] })
    expect(renewed).toEqual({ expiresAt: clock.now() + 30_000, lost: ['unknown'] })
    clock.advance(10_000)
    expect((await waiting).rulings).toMatchObject([{ requestId: 'r3', outcome: 'granted' }])
    expect((await engine.ask.renew({ grantIds: [first!.grantId, second!.grantId] })).lost).toEqual([first!.grantId])
  })

  test('a deadline denies who waits', async () => {
    await take('r1', 'r2')
    await engine.ask.arbitrate({ requests: [cpu('late', { deadlineAt: clock.now() + 500 })] })
    const waiting = engine.ask.awaitGrant({ requestIds: ['late'] }, { deadlineMs: Infinity })
    await engine.ask.status({})
    clock.advance(501)
    expect((await waiting).rulings).toMatchObject([
      { requestId: 'late', outcome: 'denied', reason: 'resource-unavailable' },
    ])
  })
})

describe('crashes', () => {
  test("a dead holder's grants go to those who wait, its own requests with it", async () => {
    await system.ref<AskerProtocol>(asker).ask.forward({ requests: [cpu('d1'), cpu('d2'), cpu('d3')] })
    await take('r1')
    const waiting = engine.ask.awaitGrant({ requestIds: ['r1'] })
    await engine.ask.status({})
    await system.kill('dag-tracker')
    expect((await waiting).rulings).toMatchObject([{ requestId: 'r1', outcome: 'granted' }])
    expect(await engine.ask.status({})).toMatchObject({ queued: 0, inUse: { cpu: 1 } })
  })

  test('the engine killed: grants, queue, usage and those who wait go on', async () => {
    const [first, second] = await take('r1', 'r2', 'r3', 'r4')
    clock.advance(400)
    await engine.ask.release({ releases: [{ grantId: second!.grantId, units: 1 }] })
    const before = await engine.ask.status({})
    const waiting = engine.ask.awaitGrant({ requestIds: ['r4'] })
    await engine.ask.status({})
    await system.kill('arbitration-engine')
    expect(await engine.ask.status({})).toEqual(before)
    await engine.ask.present({ grants: [{ grantId: first!.grantId, request: cpu('r1'), units: 1, expiresAt: 0 }] })
    expect((await engine.ask.status({})).inUse).toEqual({ cpu: 2 })
    await engine.ask.release({ releases: [{ grantId: first!.grantId, units: 1 }] })
    expect((await waiting).rulings).toMatchObject([{ requestId: 'r4', outcome: 'granted' }])
    expect((await engine.ask.verifyAudit({})).intact).toBe(true)
  })

  test('without a disk: a holder presents its grants, and nothing is given away twice', async () => {
    await system.close()
    await open({ dataDir: ':memory:' })
    const [first, second] = await take('r1', 'r2')
    await system.kill('arbitration-engine')
    const grants = [first!, second!].map(({ grantId, requestId, expiresAt }) => ({
      grantId,
      request: cpu(requestId),
      units: 1,
      expiresAt,
    }))
    await engine.ask.present({ grants })
    await engine.ask.present({ grants })
    expect(await take('r3')).toEqual([])
    await engine.ask.release({ releases: [{ grantId: first!.grantId, units: 1 }] })
    expect((await engine.ask.awaitGrant({ requestIds: ['r3'] })).rulings).toMatchObject([{ outcome: 'granted' }])
  })

  test('a new process: usage and decisions stay, holders of the old one are gone', async () => {
    const [first] = await take('r1', 'r2', 'r3')
    clock.advance(700)
    await engine.ask.release({ releases: [{ grantId: first!.grantId, units: 1 }] })
    const { decisionId } = first!
    const [before] = (await engine.ask.status({})).tenants
    await system.close()
    await open()
    const after = await engine.ask.status({})
    expect(after).toMatchObject({ queued: 0, inUse: {} })
    expect(after.tenants[0]!.virtualTime).toBeGreaterThan(0)
    expect(after.tenants[0]!.virtualTime).toBeLessThanOrEqual(before!.virtualTime)
    expect(await engine.ask.explain({ id: decisionId })).toMatchObject({ requestId: 'r1' })
    expect((await take('r1', 'r2')).map(({ requestId }) => requestId)).toEqual(['r1', 'r2'])
    expect((await engine.ask.verifyAudit({})).intact).toBe(true)
  })
})

import { describe, expect, test } from 'vitest'
import { childOf, type ChildSpec, type Ticket } from '../../runtime/index.ts'
import { work } from './fixtures/work.ts'
import { codeOf, eventually, readLedger, useSystems } from './helpers.ts'

const { start, tempFile } = useSystems()

async function openWork(options: Partial<ChildSpec> = {}) {
  const file = await tempFile()
  const system = await start([childOf(work, { config: { file }, ...options })], { restartsMax: 1_000 })
  const { ask } = system.ref(work)
  return { system, ask, file, inFlight: () => system.stats()[0]?.inFlight }
}

describe('acceptance', () => {
  test('tells of the ticket, frees the place in flight, and the ask still yields the result', async () => {
    const { system, ask, inFlight } = await openWork()
    const tickets: Ticket[] = []
    // Two places in flight only: more run side by side because each gives its place back.
    const jobs = Array.from({ length: 20 }, (_, n) =>
      ask.once({ key: `k${n}`, ms: 300 }, { onAccepted: (ticket) => tickets.push(ticket) }),
    )
    await eventually(() => tickets.length).toBe(20)
    expect(inFlight()).toBe(0)
    expect(await ask.echo('still here')).toBe('still here')
    expect(await Promise.all(jobs)).toEqual(Array.from({ length: 20 }, (_, n) => `k${n} 0`))
    expect(tickets[0]).toEqual({
      id: expect.stringMatching(/^1-\d+$/),
      actor: 'work',
      incarnation: system.stats()[0]?.incarnation,
    })
  })

  test('a reply of the first turn needs no ticket, and what is thrown later arrives typed', async () => {
    const { ask } = await openWork()
    let accepted = 0
    expect(await ask.quick('now', { onAccepted: () => accepted++ })).toBe('now')
    expect(accepted).toBe(0)
    await expect(ask.failing('late')).rejects.toMatchObject({ code: 'HANDLER_FAILED', message: 'RangeError: late' })
  })

  test('the number of works is bounded', async () => {
    const { ask } = await openWork()
    const works = Array.from({ length: 40 }, (_, n) => codeOf(ask.once({ key: `k${n}`, ms: 300 })))
    const codes = await Promise.all(works)
    expect(codes.filter((code) => code === 'MAILBOX_FULL')).toHaveLength(8)
    expect(codes.filter((code) => code === 'no error')).toHaveLength(32)
    expect(await ask.once({ key: 'again', ms: 0 })).toBe('again 0')
  })

  test('a given deadline stays, and its end and a cancellation reach the work', async () => {
    const { ask, file } = await openWork()
    expect(await codeOf(ask.untilAborted('late', { deadlineMs: 50 }))).toBe('DEADLINE_EXCEEDED')
    const abort = new AbortController()
    const accepted = Promise.withResolvers<Ticket>()
    const cancelled = codeOf(ask.untilAborted('off', { signal: abort.signal, onAccepted: accepted.resolve }))
    await accepted.promise
    abort.abort()
    expect(await cancelled).toBe('CANCELLED')
    await eventually(() => readLedger(file).map(({ key, id }) => `${key} ${id}`)).toEqual([
      expect.stringMatching(/^late (CANCELLED|DEADLINE_EXCEEDED)$/),
      'off CANCELLED',
    ])
  })
})

describe('deaths', () => {
  test('work that must not run twice fails with its ticket, and runs once', async () => {
    const { system, ask, file } = await openWork()
    const accepted = Promise.withResolvers<Ticket>()
    const job = ask.once({ key: 'a', ms: 600_000 }, { onAccepted: accepted.resolve })
    const ticket = await accepted.promise
    const failed = expect(job).rejects.toMatchObject({ code: 'ACTOR_RESTARTED', fields: { ticket: ticket.id } })
    await system.kill('work')
    await failed
    expect(await ask.echo('next life')).toBe('next life')
    expect(readLedger(file).map(({ key }) => key)).toEqual(['a'])
  })

  test('work that may is asked again under the same id, and says so', async () => {
    const { system, ask, file } = await openWork()
    const tickets: Ticket[] = []
    const job = ask.again({ key: 'a', ms: 400 }, { onAccepted: (ticket) => tickets.push(ticket) })
    await eventually(() => tickets.length).toBe(1)
    await system.kill('work')
    expect(await job).toBe('a 1')
    const runs = readLedger(file)
    expect(runs.map(({ redelivered }) => redelivered)).toEqual([0, 1])
    expect(new Set(runs.map(({ id }) => id))).toEqual(new Set([tickets[0]?.id]))
    expect(tickets.map(({ incarnation }) => incarnation)).toEqual(runs.map(({ incarnation }) => incarnation))
  })

  test('work that keeps ending its actor is cut off', async () => {
    const { ask, file } = await openWork()
    const error = await codeOf(ask.poison({ key: 'bad', ms: 600_000 }))
    expect(error).toBe('POISON_MESSAGE')
    expect(readLedger(file).map(({ redelivered }) => redelivered)).toEqual([0, 1, 2])
    expect(await ask.echo('well')).toBe('well')
  })

  test('under kills at random moments every ask settles; once at most once, again at least once', async () => {
    const { system, ask, file } = await openWork()
    const outcomes = new Map<string, unknown>()
    let jobs = 0
    for (let round = 0; round < 8; round++) {
      const started = Array.from({ length: 10 }, async (_, n) => {
        const key = `${n % 2 === 0 ? 'once' : 'again'}-${jobs++}`
        const call = n % 2 === 0 ? ask.once : ask.again
        outcomes.set(key, await codeOf(call({ key, ms: (n * 13) % 60 })))
      })
      await new Promise((resolve) => setTimeout(resolve, (round * 17) % 50))
      await system.kill('work')
      await Promise.all(started)
    }
    const runs = new Map<string, number>()
    for (const { key } of readLedger(file)) runs.set(key, (runs.get(key) ?? 0) + 1)
    expect(outcomes.size).toBe(80)
    let restarted = 0
    for (const [key, outcome] of outcomes) {
      if (key.startsWith('again')) expect([key, outcome]).toEqual([key, 'no error'])
      else expect(['no error', 'ACTOR_RESTARTED']).toContain(outcome)
      if (outcome === 'ACTOR_RESTARTED') restarted++
      // A kill may come between the start of the turn and its first line.
      if (key.startsWith('once')) expect(runs.get(key) ?? 0).toBeLessThanOrEqual(1)
      if (outcome === 'no error') expect(runs.get(key)).toBeGreaterThanOrEqual(1)
    }
    expect(restarted).toBeGreaterThan(0)
    expect([...runs.values()].some((count) => count > 1)).toBe(true)
  }, 60_000)
})

describe('stop', () => {
  test('waits for accepted work', async () => {
    const { system, ask } = await openWork()
    const accepted = Promise.withResolvers<Ticket>()
    const job = ask.once({ key: 'a', ms: 400 }, { onAccepted: accepted.resolve })
    await accepted.promise
    await system.close()
    expect(await job).toBe('a 0')
  })

  test('aborts what takes longer than the shutdown time, and tells its asker', async () => {
    const { system, ask, file } = await openWork({ shutdownMs: 500 })
    const accepted = Promise.withResolvers<Ticket>()
    const job = codeOf(ask.untilAborted('long', { onAccepted: accepted.resolve }))
    await accepted.promise
    await system.close()
    expect(await job).toBe('ACTOR_STOPPED')
    expect(readLedger(file).map(({ key, id }) => `${key} ${id}`)).toEqual(['long ACTOR_STOPPED'])
  })
})

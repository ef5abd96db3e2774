import { expect, test } from 'vitest'
import { childOf, type Overflow } from '../../runtime/index.ts'
import { GATE, gated } from './fixtures/gated.ts'
import { codeOf, eventually, useSystems } from './helpers.ts'

const { start } = useSystems()

/** The ring holds about 480 messages of this size. */
const text = 'x'.repeat(500)
const yielded = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function openGated(isOpen = false) {
  const system = await start([childOf(gated)], { shared: { [GATE]: 4 } })
  const gate = new Int32Array(system.shared(GATE))
  const setGate = (open: boolean): void => void Atomics.store(gate, 0, open ? 1 : 0)
  setGate(isOpen)
  const { ask, tell } = system.ref(gated)
  const dropped = (): { newest: number; oldest: number } => {
    const { droppedNewest: newest, droppedOldest: oldest } = system.stats()[0]!
    return { newest, oldest }
  }
  /** Tells so many, and lets both threads breathe now and then. */
  async function flood(count: number, overflow: Overflow): Promise<void> {
    for (let n = 0; n < count; n++) {
      tell.note({ n, text }, { overflow })
      if (n % 50 === 49) await yielded()
    }
  }
  /** Opens the gate and says what was handled by the time everything has been taken. */
  async function settled(): Promise<readonly number[]> {
    setGate(true)
    await eventually(() => system.stats()[0]).toMatchObject({ inFlight: 0, queueDepth: 0 })
    return ask.handled(null)
  }
  return { system, ask, tell, dropped, flood, settled }
}

test('drop-oldest: a held-up actor keeps the newest; sent = handled + dropped, in order', async () => {
  const { dropped, flood, settled } = await openGated()
  await flood(5_000, 'drop-oldest')
  const handled = await settled()
  const { newest, oldest } = dropped()
  expect(oldest).toBeGreaterThan(3_000)
  expect(handled.length + newest + oldest).toBe(5_000)
  expect(handled.at(-1)).toBe(4_999)
  expect(handled).toEqual(handled.toSorted((a, b) => a - b))
})

test('drop-oldest: a stalled thread cannot skip; beyond the queue the newest is dropped, and all is counted', async () => {
  const { ask, tell, dropped, settled } = await openGated(true)
  const busy = ask.spin(2_000)
  for (let n = 0; n < 20_000; n++) tell.note({ n, text }, { overflow: 'drop-oldest' })
  expect(dropped().newest).toBeGreaterThan(14_000)
  await busy
  const handled = await settled()
  const { newest, oldest } = dropped()
  expect(handled.length + newest + oldest).toBe(20_000)
})

test('drop-newest: what finds no room is counted and no dead letter; the first stay', async () => {
  const { system, dropped, flood, settled } = await openGated()
  await flood(3_000, 'drop-newest')
  const { newest, oldest } = dropped()
  expect(oldest).toBe(0)
  expect(newest).toBeGreaterThan(2_000)
  const handled = await settled()
  expect(handled).toHaveLength(3_000 - newest)
  // It has taken some after the ring was full for the first time.
  expect(handled.slice(0, 400)).toEqual(Array.from({ length: 400 }, (_, n) => n))
  expect(handled).toEqual(handled.toSorted((a, b) => a - b))
  expect(system.stats()[0]?.deadLetters).toBe(0)
})

test('reject: an ask without room fails at once, and nothing waits', async () => {
  const { ask, dropped, settled } = await openGated()
  const codes = Array.from({ length: 2_000 }, (_, n) => codeOf(ask.note({ n, text }, { overflow: 'reject' })))
  // While nothing moves: it has not waited.
  expect(await codes.at(-1)).toBe('MAILBOX_FULL')
  const handled = await settled()
  const settledCodes = await Promise.all(codes)
  expect(settledCodes.filter((code) => code === 'no error')).toHaveLength(handled.length)
  expect(settledCodes.filter((code) => code === 'MAILBOX_FULL')).toHaveLength(2_000 - handled.length)
  expect(handled.length).toBeLessThan(600)
  expect(dropped()).toEqual({ newest: 0, oldest: 0 })
})

test('a skipped ask settles and says that it was dropped', async () => {
  const { ask, dropped, settled } = await openGated()
  const outcomes: unknown[] = []
  for (let n = 0; n < 2_000; n++) {
    const noted = ask.note({ n, text }, { overflow: 'drop-oldest' })
    noted.then(
      () => outcomes.push('handled'),
      (error: Error) => outcomes.push(error.message),
    )
    if (n % 50 === 49) await yielded()
  }
  const handled = await settled()
  await eventually(() => outcomes.length).toBe(2_000)
  const skipped = outcomes.filter((outcome) => String(outcome).includes('dropped for a newer one'))
  expect(skipped).toHaveLength(dropped().oldest)
  expect(skipped.length).toBeGreaterThan(1_000)
  expect(outcomes.filter((outcome) => outcome === 'handled')).toHaveLength(handled.length)
  expect(handled.length + dropped().oldest + dropped().newest).toBe(2_000)
})

test('only droppable messages are skipped, whatever stands before and behind them', async () => {
  const { ask, tell, dropped, settled } = await openGated()
  const kept: Promise<unknown>[] = []
  for (let n = 0; n < 3_000; n++) {
    if (n % 3 === 0) kept.push(codeOf(ask.note({ n, text })))
    else tell.note({ n, text }, { overflow: 'drop-oldest' })
    if (n % 50 === 49) await yielded()
  }
  const handled = await settled()
  expect(new Set(await Promise.all(kept))).toEqual(new Set(['no error']))
  expect(handled.filter((n) => n % 3 === 0)).toHaveLength(1_000)
  expect(handled.length + dropped().newest + dropped().oldest).toBe(3_000)
  expect(dropped().oldest).toBeGreaterThan(0)
})

test('large messages are dropped like small ones, and their memory comes back', async () => {
  const { system, tell, dropped, settled } = await openGated()
  const large = 'x'.repeat(100_000)
  for (let n = 0; n < 3_000; n++) {
    tell.note({ n, text: n % 100 === 0 ? large : text }, { overflow: 'drop-oldest' })
    if (n % 20 === 19) await yielded()
  }
  const handled = await settled()
  expect(handled.length + dropped().newest + dropped().oldest).toBe(3_000)
  expect(dropped().oldest).toBeGreaterThan(0)
  await eventually(() => system.stats()[0]?.blockBytes).toBe(0)
})

test('what is no policy is refused', async () => {
  const { ask, tell } = await openGated(true)
  const wrong = { overflow: 'drop-all' as Overflow }
  expect(() => tell.note({ n: 0, text }, wrong)).toThrow(/overflow/)
  expect(await codeOf(ask.note({ n: 0, text }, wrong))).toBe('INVALID_OPTION')
})

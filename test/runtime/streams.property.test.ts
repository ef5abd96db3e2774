import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCreditMeter, createCreditWindow } from '../../runtime/credit.ts'
import { createStreamReader, type StreamSink } from '../../runtime/stream-reader.ts'
import { createStreamWriter, type StreamWriter } from '../../runtime/stream-writer.ts'

/** Lets everything that is due in microtasks happen. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('credit: the writer is never ahead by more than the opening, and is never starved by a reader that has read all', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5_000 })), { maxLength: 400, size: 'max' }),
      (credit, bytesMax, steps) => {
        const window = createCreditWindow(credit, bytesMax)
        const unread: number[] = []
        const meter = createCreditMeter(credit, bytesMax, (items, bytes) => window.grant(items, bytes))
        for (const [write, bytes] of steps) {
          if (write && window.open()) {
            window.take(bytes)
            unread.push(bytes)
          } else if (unread.length > 0) meter.read(unread.shift()!)
          expect(window.itemsLeft()).toBeGreaterThanOrEqual(0)
          expect(unread.length).toBeLessThanOrEqual(credit)
          // I2: over the bound by less than the item that was last.
          const allButLast = unread.slice(0, -1).reduce((sum, size) => sum + size, 0)
          expect(allButLast).toBeLessThan(bytesMax + 1)
        }
        while (unread.length > 0) meter.read(unread.shift()!)
        expect(window.open()).toBe(true)
      },
    ),
  )
})

type Step =
  { readonly kind: 'read' } | { readonly kind: 'deliver' } | { readonly kind: 'control' } | { readonly kind: 'publish' }

type Ending = 'none' | 'return' | 'kill'

const step: fc.Arbitrary<Step> = fc.constantFrom(
  { kind: 'read' },
  // More than are read: items pile up unread.
  { kind: 'deliver' },
  { kind: 'deliver' },
  { kind: 'deliver' },
  { kind: 'control' },
  { kind: 'publish' },
)

/** Both sides with lanes between them that move when the test says so. */
function connect(length: number, credit: number, bytesMax: number) {
  const replies: (() => void)[] = []
  const control: (() => void)[] = []
  const unpublished: (() => void)[] = []
  const seen = { made: 0, sent: 0, returned: 0, ends: 0, closed: 0 }
  let writer: StreamWriter | undefined
  let dead = false

  async function* generate(): AsyncGenerator<number> {
    try {
      for (let n = 0; n < length; n++) {
        seen.made++
        yield n
      }
    } finally {
      seen.returned++
    }
  }

  function open(sink: StreamSink): void {
    control.push(() => {
      writer = createStreamWriter(generate(), {
        credit,
        bytesMax,
        turn: (take) => take(),
        send(value, onPublished) {
          seen.sent++
          // Now and then the ring is full and the item waits.
          const publish = (): void => {
            replies.push(() => sink.onItem(value, 10))
            onPublished()
          }
          if (seen.sent % 3 === 0) unpublished.push(publish)
          else publish()
          return 10
        },
        end() {
          seen.ends++
          replies.push(() => sink.onEnd())
        },
        closed: () => void seen.closed++,
      })
    })
    sink.onOpen({
      bytesMax,
      grant: (items, bytes) => void control.push(() => writer?.grant(items, bytes)),
      cancel: () => void control.push(() => writer?.close()),
      rest() {},
    })
    kill = (): void => {
      dead = true
      replies.push(() => sink.onEnd(new Error('dead')))
    }
  }
  let kill = (): void => {}

  const moves: Record<Exclude<Step['kind'], 'read'>, () => boolean> = {
    deliver: () => move(replies),
    control: () => !dead && move(control),
    publish: () => !dead && move(unpublished),
  }
  return { reader: createStreamReader(open, credit), moves, seen, kill: () => kill() }
}

function move(lane: (() => void)[]): boolean {
  const next = lane.shift()
  next?.()
  return next !== undefined
}

test('a stream under any speeds, cancels and deaths: no item lost, doubled or out of order, and it ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 200 }),
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.constantFrom<Ending>('none', 'return', 'kill'),
      async (length, credit, bytesMax, steps, ending) => {
        const { reader, moves, seen, kill } = connect(length, credit, bytesMax)
        const read: unknown[] = []
        const outcomes = { done: 0, failed: 0 }
        const next = (): void =>
          void reader.next().then(
            ({ done, value }) => (done === true ? outcomes.done++ : read.push(value)),
            () => outcomes.failed++,
          )
        for (const { kind } of steps) {
          if (kind === 'read') next()
          else moves[kind]()
          await settle()
          expect(seen.sent - read.length).toBeLessThanOrEqual(credit)
          expect(read).toEqual(Array.from(read, (_, n) => n))
        }
        if (ending === 'kill') kill()
        if (ending === 'return') expect(await reader.return?.()).toMatchObject({ done: true })
        const readBefore = read.length
        // From here on everything moves until nothing does.
        for (let idle = 0; idle < 3;) {
          if (outcomes.done + outcomes.failed === 0) next()
          const before = read.length
          const moved = [moves.deliver(), moves.control(), moves.publish()].some(Boolean)
          await settle()
          idle = moved || read.length > before ? 0 : idle + 1
        }
        expect(read).toEqual(Array.from(read, (_, n) => n))
        expect(seen.ends + seen.closed).toBeLessThanOrEqual(1)
        if (ending === 'none') {
          expect(read).toHaveLength(length)
          expect({ ...outcomes, ends: seen.ends }).toMatchObject({ failed: 0, ends: 1 })
          expect(outcomes.done).toBeGreaterThan(0)
        }
        if (ending === 'return') {
          expect(read).toHaveLength(readBefore)
          expect(outcomes.failed).toBe(0)
          // Begun is ended; what was never begun costs nothing.
          if (seen.made > 0) expect(seen.returned).toBe(1)
        }
        if (ending === 'kill') expect(outcomes.failed).toBeLessThanOrEqual(1)
        expect(await Promise.race([reader.next(), settle()])).toMatchObject({ done: true })
      },
    ),
    { numRuns: 300 },
  )
})

/** Drives the keeper of `fixtures/late.ts` through a simulation in which blocks reach the supervisor late, and actors die. */
import { childOf, isPitError } from '../../runtime/index.ts'
import { seededRandom } from '../../runtime/common/random.ts'
import { simulate } from '../../runtime/testing/index.ts'
import { keeperActor, NOTES, runsIn, sender, senderActor, type Run, type Sending } from './fixtures/late.ts'

export interface LateOutcome {
  readonly runs: readonly Run[]
  readonly outcomes: readonly (number | string)[]
}

const ROUNDS = 4
const SENDINGS = 8

/** What a message may come to beside its answer. */
function allowed({ once, deadlineMs }: Sending): readonly string[] {
  return [
    'POISON_MESSAGE',
    ...(once === true ? ['ACTOR_RESTARTED'] : []),
    ...(deadlineMs === undefined ? [] : ['DEADLINE_EXCEEDED']),
  ]
}

/** Runs it; throws with what does not hold. */
export async function driveLate(seed: number): Promise<LateOutcome> {
  const random = seededRandom(seed)
  await using simulation = await simulate({
    seed,
    definitions: [keeperActor, senderActor],
    children: [childOf(keeperActor), childOf(senderActor)],
    restartsMax: 1_000,
    shared: { notes: NOTES.words * 4 },
    // With every second seed only the keeper dies: then all its messages have to come to something.
    faults: { crash: 0.04, delay: 0.5, delayMs: 500, ...(seed % 2 === 0 ? { actors: ['keeper'] } : {}) },
  })
  const { system } = simulation
  const notes = new Int32Array(system.shared('notes'))
  const violations: string[] = []
  const outcomes: (number | string)[] = []
  const sendings: Sending[] = []

  async function round(): Promise<void> {
    Atomics.store(notes, NOTES.gate, 0)
    const sent = Array.from({ length: SENDINGS }, (_, index): Sending => ({
      n: sendings.length + index,
      // Larger than a lane's inline limit, most of them.
      bytes: random.next() < 0.7 ? 1_500 : 10,
      once: random.next() < 0.3,
      ...(random.next() < 0.2 ? { deadlineMs: 300 } : {}),
    }))
    sendings.push(...sent)
    const done = system.ref(sender).ask.send(sent, { deadlineMs: 300_000 })
    const settled = done.then(
      (came) => {
        outcomes.push(...came)
        for (const [index, outcome] of came.entries()) {
          const sending = sent[index]!
          if (outcome !== sending.n && !allowed(sending).includes(String(outcome)))
            violations.push(`${sending.n} came to ${outcome}`)
        }
      },
      (error: unknown) => {
        const code = isPitError(error) ? error.code : String(error)
        // It was the sender that died.
        if (code !== 'ACTOR_RESTARTED') violations.push(`a round failed with ${code}`)
      },
    )
    await simulation.advance(random.next() * 300)
    Atomics.store(notes, NOTES.gate, 1)
    await simulation.run(settled)
  }

  for (let count = 0; count < ROUNDS; count++) await round()
  simulation.calm()
  await round()
  // Everything that is still on its way.
  await simulation.advance(5_000)
  const runs = runsIn(notes)
  const last = new Map<number, number>()
  for (const { life, n } of runs) {
    if (n <= (last.get(life) ?? -1)) violations.push(`${n} after ${last.get(life)} in one life`)
    last.set(life, n)
  }
  for (const { n, once } of sendings)
    if (once === true && runs.filter((run) => run.n === n).length > 1) violations.push(`${n} ran twice`)
  for (const { name, blockBytes, inFlight, queueDepth } of system.stats()) {
    // A thread that dies within a step may leave the count too low (blocks.ts, I4).
    if (blockBytes > 0) violations.push(`${blockBytes} bytes of blocks are left at ${name}`)
    if (inFlight + queueDepth > 0) violations.push(`messages are left at ${name}`)
  }
  if (violations.length > 0) throw new Error(violations.join('; '))
  return { runs, outcomes }
}

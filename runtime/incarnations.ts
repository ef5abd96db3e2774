/**
 * Numbers of lives: 16 bits of a record's header, of a parked word, of a lease word.
 *
 *   1            the host
 *   2 – 32,767   lives of static children: never used again, so those of one actor only grow
 *   32,768 – …   lives of dynamic children: used again, oldest first
 *
 * I1. A number is used again only when the thread of its last owner has ended and all others have had their turn: some
 *     32,000 lives later, each of which takes tens of milliseconds to start, nobody speaks of that owner any more.
 * I2. The calls of a number's next owner are counted on from `2³²` further (`firstCall`): ids of calls and of blocks stay
 *     unique until a number has had 32 owners, about a million lives of dynamic children.
 */
import { fail } from './errors.ts'
import { HOST_INCARNATION, INCARNATIONS_MAX } from './wiring.ts'

const STATIC_MAX = 32_767
const OWNERS_MAX = 32
const CALLS_PER_OWNER = 2 ** 32

export interface Incarnations {
  /** Throws `INCARNATIONS_EXHAUSTED` when static children have been restarted 32,000 times. */
  take(dynamic: boolean): number
  /** The number of a life whose thread has ended; those of static children are not used again. */
  giveBack(incarnation: number): void
  /** Where the calls of its present owner begin. */
  firstCall(incarnation: number): number
}

/** `lastStatic` and `last` are for tests. */
export function createIncarnations(lastStatic = STATIC_MAX, last: number = INCARNATIONS_MAX): Incarnations {
  const free: number[] = []
  const owners = new Map<number, number>()
  let nextStatic = HOST_INCARNATION + 1
  let nextDynamic = lastStatic + 1
  return {
    take(dynamic) {
      if (!dynamic && nextStatic <= lastStatic) return nextStatic++
      const incarnation = dynamic ? (nextDynamic <= last ? nextDynamic++ : free.shift()) : undefined
      if (incarnation === undefined) throw fail('INCARNATIONS_EXHAUSTED', { incarnationsMax: INCARNATIONS_MAX })
      return incarnation
    },
    giveBack(incarnation) {
      if (incarnation <= lastStatic) return
      owners.set(incarnation, (owners.get(incarnation) ?? 0) + 1)
      free.push(incarnation)
    },
    firstCall: (incarnation) => ((owners.get(incarnation) ?? 0) % OWNERS_MAX) * CALLS_PER_OWNER,
  }
}

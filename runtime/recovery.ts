/**
 * The messages that earlier incarnations took and did not settle, in order of arrival.
 *
 *   cell ─► its block is freed            it was answered: only its cell was left to free
 *        ─► its block has not come        it waits, and with it what else its sender has sent
 *        ─► otherwise                     it is started, or delivered again
 *
 * I1. First in, first out per lane: while a message waits, later cells of its lane wait, too, and so does its ring. Other
 *     lanes go on.
 * I2. Every wait ends: with the block, which comes (blocks.ts, I1), with the message's deadline, or when its asker cancels it.
 */
import type { BlockPort } from './blocks.ts'
import type { Clock } from './common/clock.ts'
import { createDeadlineSweep } from './deadlines.ts'
import type { HeldMessage, HeldTable } from './mailbox/held-table.ts'
import { RecordFlag } from './rings/layout.ts'
import { readNumber } from './rings/numbers.ts'

export interface RecoveryHost {
  readonly clock: Clock
  readonly sharedMs: () => number
  readonly blocks: BlockPort
  readonly table: HeldTable
  /** It starts, is delivered again, or has expired. */
  readonly recover: (message: HeldMessage) => void
  /** Nothing more comes of it: its cell and its block are free. */
  readonly drop: (message: HeldMessage) => void
  /** The deadline of one that waits has passed: `resume` soon. */
  readonly onDue: () => void
}

export interface Recovery {
  /** Recovers what can be; the rest waits. */
  begin(cells: readonly number[]): void
  /** Recovers what need not wait any more; returns how many messages. */
  resume(): number
  /** Whether `resume` would find some. */
  due(): boolean
  /** Whether a message of that lane waits. */
  holdsUp(lane: number): boolean
  /** Drops a message that waits; `false` when there is none. */
  cancel(correlation: number): boolean
  /** The correlations of those that wait, of one lane or of all. */
  waiting(lane?: number): readonly number[]
}

export function createRecovery(host: RecoveryHost): Recovery {
  const { blocks, clock, sharedMs, table } = host
  /** By lane, in order of arrival; none is empty. */
  const lanes = new Map<number, HeldMessage[]>()
  const sweep = createDeadlineSweep(clock, expire)

  const isDue = (message: HeldMessage): boolean => !lacksBlock(message) || message.deadlineAt <= sharedMs()

  function lacksBlock(message: HeldMessage): boolean {
    const id = blockOf(message)
    return id !== null && blocks.get(id) === undefined && !blocks.freed(id)
  }

  function expire(): number {
    let next = Infinity
    for (const messages of lanes.values())
      for (const { deadlineAt } of messages) if (deadlineAt > sharedMs()) next = Math.min(next, deadlineAt)
    host.onDue()
    return monotonic(next)
  }

  const monotonic = (sharedAt: number): number => sharedAt - sharedMs() + clock.monotonicMs()

  function wait(message: HeldMessage): void {
    const messages = lanes.get(message.lane)
    if (messages === undefined) lanes.set(message.lane, [message])
    else messages.push(message)
    sweep.note(monotonic(message.deadlineAt))
  }

  function recover(message: HeldMessage): void {
    const id = blockOf(message)
    if (id !== null && blocks.freed(id)) host.drop(message)
    else host.recover(message)
  }

  function leave(lane: number): void {
    lanes.delete(lane)
    if (lanes.size === 0) sweep.stop()
  }

  return {
    begin(cells) {
      for (const cell of cells) {
        const message = table.read(cell)
        if (lanes.has(message.lane) || !isDue(message)) wait(message)
        else recover(message)
      }
    },
    resume() {
      let count = 0
      for (const [lane, messages] of lanes) {
        for (; messages.length > 0 && isDue(messages[0]!); count++) recover(messages.shift()!)
        if (messages.length === 0) leave(lane)
      }
      return count
    },
    due() {
      for (const [first] of lanes.values()) if (isDue(first!)) return true
      return false
    },
    holdsUp: (lane) => lanes.has(lane),
    cancel(correlation) {
      for (const [lane, messages] of lanes) {
        const index = messages.findIndex((message) => message.correlation === correlation)
        if (index === -1) continue
        const [message] = messages.splice(index, 1)
        host.drop(message!)
        if (messages.length === 0) leave(lane)
        return true
      }
      return false
    },
    waiting: (lane) =>
      [...lanes].flatMap(([of, messages]) =>
        lane === undefined || of === lane ? messages.map(({ correlation }) => correlation) : [],
      ),
  }
}

/** The block that a message's body is in. */
export function blockOf({ flags, bytes, payloadStart }: HeldMessage): number | null {
  return (flags & RecordFlag.Block) === 0 ? null : readNumber(bytes, payloadStart, 0)
}

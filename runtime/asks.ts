/**
 * The calls a thread has made and not heard of yet. Every ask settles exactly once: by its reply, an error of the other
 * side, its deadline, its signal, or the end of the actor it went to. What comes after that is dropped.
 */
import { errorFromWire, type PitError, type WireError } from './common/errors.ts'
import type { Clock } from './common/clock.ts'
import type { ResolvedCallOptions } from './call-options.ts'
import { createDeadlineSweep } from './deadlines.ts'
import { fail } from './errors.ts'
import type { Encoded } from './codec.ts'
import type { BlockPort } from './blocks.ts'
import { inlineBytesMax, RecordFlag, RecordKind } from './rings/layout.ts'
import type { OutgoingMessage } from './diagnostics.ts'
import { publishSent } from './observed-calls.ts'
import type { Outgoing, Peer } from './peer.ts'

export const DEADLINE_DEFAULT_MS = 30_000
/** Correlation ids are unique in the system: the incarnation, then a counter. 16 + 37 bits fit into a double. */
export const CORRELATION_SPAN = 2 ** 37

/** A message's id for people and other messages: `<incarnation>-<count>`. */
export function messageId(incarnation: number, correlation: number): string {
  return `${incarnation}-${correlation - incarnation * CORRELATION_SPAN}`
}

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
  readonly peer: string
  readonly out: Outgoing
  readonly call: string
  readonly deadlineMs: number
  /** On `clock.monotonicMs()`. */
  readonly deadlineAt: number
  readonly signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
}

export interface AskHost {
  readonly name: string
  readonly incarnation: number
  /** The ids of calls are counted from here. */
  readonly firstCall: number
  readonly clock: Clock
  readonly sharedMs: () => number
  readonly blocks: BlockPort
  /** The first ask became pending, or the last has settled. */
  readonly onPending: () => void
  readonly onSent: () => void
}

export interface Asks {
  /** `inheritedAt` is the deadline of the message in whose handler the ask is made; `flags` go into the header. */
  ask(
    peer: Peer,
    out: Outgoing,
    call: string,
    body: Encoded,
    options: ResolvedCallOptions,
    inheritedAt: number,
    flags?: number,
    observed?: OutgoingMessage,
  ): Promise<unknown>
  /** `false` when there is no room for it. */
  tell(peer: Peer, out: Outgoing, body: Encoded, observed?: OutgoingMessage): boolean
  has(correlation: number): boolean
  settle(correlation: number, kind: RecordKind, value: unknown): void
  /** Fails every ask, or those of one peer. */
  failAll(error: PitError, out?: Outgoing): void
  pending(): number
}

export function createAsks(host: AskHost): Asks {
  const { clock, sharedMs, incarnation } = host
  const table = new Map<number, Pending>()
  let counter = host.firstCall
  const sweep = createDeadlineSweep(clock, expire)

  function expire(now: number): number {
    let next = Infinity
    for (const [correlation, pending] of table) {
      if (pending.deadlineAt > now) {
        if (pending.deadlineAt < next) next = pending.deadlineAt
        continue
      }
      const { peer: actor, call, deadlineMs } = pending
      giveUp(correlation, pending, fail('DEADLINE_EXCEEDED', { actor, call, deadlineMs: Math.ceil(deadlineMs) }))
    }
    return next
  }

  /** Fails an ask from this side and tells the other that nobody waits. */
  function giveUp(correlation: number, pending: Pending, error: PitError): void {
    remove(correlation, pending)
    pending.out.control.send(RecordKind.Cancel, RecordFlag.None, incarnation, correlation, Infinity, EMPTY, 0, 0)
    pending.reject(error)
  }

  function remove(correlation: number, pending: Pending): void {
    table.delete(correlation)
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort)
    if (table.size === 0) host.onPending()
  }

  function watchSignal(correlation: number, pending: Pending): void {
    pending.onAbort = () => {
      const { peer: actor, call, signal } = pending
      giveUp(correlation, pending, fail('CANCELLED', { actor, call }, { cause: signal?.reason }))
    }
    pending.signal?.addEventListener('abort', pending.onAbort, { once: true })
  }

  function send(
    peer: Peer,
    out: Outgoing,
    kind: RecordKind,
    correlation: number,
    leftMs: number,
    body: Encoded,
    flags: number = RecordFlag.None,
  ): boolean {
    const { bytes, start, end } = body
    const sentAt = sharedMs()
    const deadlineAt = sentAt + leftMs
    host.onSent()
    if (end - start <= inlineBytesMax(out.requests.capacityBytes)) {
      const { requests } = out
      return requests.send(kind, flags, incarnation, correlation, deadlineAt, bytes, start, end, undefined, sentAt)
    }
    if (!host.blocks.room(peer.name, end - start)) return false
    const id = host.blocks.send(peer.name, bytes, start, end)
    const reference = blockReference(id)
    if (
      out.requests.send(
        kind,
        flags | RecordFlag.Block,
        incarnation,
        correlation,
        deadlineAt,
        reference,
        0,
        8,
        undefined,
        sentAt,
      )
    )
      return true
    host.blocks.withdraw(peer.name, id, end - start)
    return false
  }

  return {
    ask(peer, out, call, body, options, inheritedAt, flags, observed) {
      const { signal, deadlineMs: wantedMs = DEADLINE_DEFAULT_MS } = options
      if (signal?.aborted === true) {
        return Promise.reject(fail('CANCELLED', { actor: peer.name, call }, { cause: signal.reason }))
      }
      const now = clock.monotonicMs()
      const deadlineMs = Math.min(wantedMs, inheritedAt - now)
      if (!(deadlineMs > 0))
        return Promise.reject(fail('DEADLINE_EXCEEDED', { actor: peer.name, call, deadlineMs: wantedMs }))
      const correlation = incarnation * CORRELATION_SPAN + ++counter
      return new Promise((resolve, reject) => {
        if (!send(peer, out, RecordKind.Ask, correlation, deadlineMs, body, flags)) {
          reject(fail('MAILBOX_FULL', { actor: peer.name, from: host.name, queued: out.requests.queued() }))
          return
        }
        if (observed !== undefined) publishSent(observed, messageId(incarnation, correlation), body.end - body.start)
        const deadlineAt = now + deadlineMs
        const pending = {
          resolve,
          reject,
          peer: peer.name,
          out,
          call,
          deadlineMs,
          deadlineAt,
          signal,
          onAbort: undefined,
        }
        table.set(correlation, pending)
        if (signal !== undefined) watchSignal(correlation, pending)
        if (table.size === 1) host.onPending()
        sweep.note(deadlineAt)
      })
    },
    tell(peer, out, body, observed) {
      const correlation = incarnation * CORRELATION_SPAN + ++counter
      if (!send(peer, out, RecordKind.Tell, correlation, Infinity, body)) return false
      if (observed !== undefined) publishSent(observed, messageId(incarnation, correlation), body.end - body.start)
      return true
    },
    has: (correlation) => table.has(correlation),
    settle(correlation, kind, value) {
      const pending = table.get(correlation)
      if (pending === undefined) return
      remove(correlation, pending)
      if (kind === RecordKind.Reply) pending.resolve(value)
      else pending.reject(errorFromWire(value as WireError))
    },
    failAll(error, out) {
      for (const [correlation, pending] of table) {
        if (out !== undefined && pending.out !== out) continue
        remove(correlation, pending)
        pending.reject(error)
      }
    },
    pending: () => table.size,
  }
}

const EMPTY = new Uint8Array(0)

export function blockReference(id: number): Uint8Array {
  return new Uint8Array(Float64Array.of(id).buffer)
}

export function readBlockReference(bytes: Uint8Array, start: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + start, 8).getFloat64(0, true)
}

/**
 * The calls a thread has made and not heard of yet. Every ask settles exactly once: by its reply, an error of the other
 * side, its deadline, its signal, or the end of the actor it went to. What comes after that is dropped.
 */
import { errorFromWire, isWireError, type PitError } from './common/errors.ts'
import type { Clock } from './common/clock.ts'
import type { ResolvedCallOptions, ResolvedStreamOptions } from './call-options.ts'
import type { Overflow, Ticket } from './define-actor.ts'
import type { DeadLetterFacts } from './dead-letters.ts'
import { createDeadlineSweep } from './deadlines.ts'
import { fail } from './errors.ts'
import type { Codec, Encoded } from './codec.ts'
import type { BlockPort } from './blocks.ts'
import { redelivery } from './redelivery.ts'
import { inlineBytesMax, RecordFlag, RecordKind } from './rings/layout.ts'
import type { OutgoingMessage } from './diagnostics.ts'
import { publishSent } from './observed-calls.ts'
import { numbersPayload } from './rings/numbers.ts'
import type { Outgoing, Peer } from './peer.ts'
import type { StreamLine, StreamSink } from './stream-reader.ts'
import { acceptanceFromWire, bodyAgain, type Acceptance, type RunsBefore } from './tickets.ts'

export const DEADLINE_DEFAULT_MS = 30_000
/** Correlation ids are unique in the system: the incarnation, then a counter. 16 + 37 bits fit into a double. */
export const CORRELATION_SPAN = 2 ** 37

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
  readonly peer: string
  readonly out: Outgoing
  readonly call: string
  readonly deadlineMs: number
  /** On `clock.monotonicMs()`. */
  deadlineAt: number
  /** The deadline that is left when the message is accepted as work with a ticket. */
  readonly lastingAt: number
  readonly signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
  /** Of a stream. */
  readonly sink: StreamSink | undefined
  /** Nobody waits for it just now: it does not keep the process alive. */
  resting: boolean
  readonly onAccepted: ((ticket: Ticket) => void) | undefined
  acceptance: Acceptance | undefined
}

export interface AskHost {
  readonly name: string
  readonly incarnation: number
  /** The ids of calls are counted from here. */
  readonly firstCall: number
  readonly clock: Clock
  readonly sharedMs: () => number
  readonly codec: Codec
  readonly blocks: BlockPort
  /** The first ask became pending, or the last has settled. */
  readonly onPending: () => void
  readonly onSent: () => void
  readonly onDeadLetter: (facts: DeadLetterFacts) => void
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
  /** Opens a stream; its items and its end go to the sink. */
  open(
    peer: Peer,
    out: Outgoing,
    call: string,
    body: Encoded,
    options: ResolvedStreamOptions,
    inheritedAt: number,
    sink: StreamSink,
  ): void
  /** `false` when it is a dead letter: there is no room for it, and it was not counted as dropped. */
  tell(peer: Peer, out: Outgoing, body: Encoded, overflow: Overflow, observed?: OutgoingMessage): boolean
  /** Whether that ask waits for a reply on that link. */
  has(correlation: number, out: Outgoing): boolean
  /** A record of the reply lane; `bytes` is the size of its body. */
  settle(correlation: number, kind: RecordKind, value: unknown, bytes: number): void
  /** Ends an ask from this side and tells the other. */
  refuse(correlation: number, error: PitError): void
  /** A stream that nobody here reads any more goes on over there: its cancellation was lost with a thread. */
  disown(out: Outgoing, correlation: number): void
  /** That incarnation of the peer is dead, its replies are read, and another follows: its works with a ticket end. */
  endTickets(out: Outgoing, incarnation: number, blamed: boolean): void
  /** Fails every ask, or those of one peer, but for the `spared`. */
  failAll(error: PitError, out?: Outgoing, spared?: ReadonlySet<number>): void
  /** Asks that somebody waits for. */
  pending(): number
}

export function createAsks(host: AskHost): Asks {
  const { clock, sharedMs, incarnation } = host
  const table = new Map<number, Pending>()
  let counter = host.firstCall
  let resting = 0
  const sweep = createDeadlineSweep(clock, expire)

  const nextCorrelation = (): number => incarnation * CORRELATION_SPAN + ++counter

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
    leave(correlation, pending)
    if (pending.sink === undefined) pending.reject(error)
    else pending.sink.onCut(error)
  }

  function leave(correlation: number, pending: Pending): void {
    remove(correlation, pending)
    // An opening that is still here would be taken after its cancellation, and run for nobody.
    if (pending.sink !== undefined && pending.out.requests.withdraw(correlation)) return
    sendCancel(pending.out, correlation)
  }

  function sendCancel(out: Outgoing, correlation: number): void {
    out.control.send(RecordKind.Cancel, RecordFlag.None, incarnation, correlation, Infinity, EMPTY, 0, 0)
  }

  function remove(correlation: number, pending: Pending): void {
    table.delete(correlation)
    if (pending.resting) resting--
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort)
    if (table.size === resting) host.onPending()
  }

  function rest(pending: Pending, on: boolean): void {
    if (pending.resting === on) return
    pending.resting = on
    resting += on ? 1 : -1
    host.onPending()
  }

  function watchSignal(correlation: number, pending: Pending): void {
    pending.onAbort = () => {
      const { peer: actor, call, signal } = pending
      giveUp(correlation, pending, fail('CANCELLED', { actor, call }, { cause: signal?.reason }))
    }
    pending.signal?.addEventListener('abort', pending.onAbort, { once: true })
  }

  /** `false` when there is no room for it; what `overflow` wants counted is counted. */
  function send(
    peer: string,
    out: Outgoing,
    kind: RecordKind,
    flags: number,
    correlation: number,
    leftMs: number,
    body: Encoded,
    overflow: Overflow,
  ): boolean {
    const { bytes, start, end } = body
    const { requests } = out
    const sentAt = sharedMs()
    const deadlineAt = sentAt + leftMs
    const inline = end - start <= inlineBytesMax(requests.capacityBytes)
    if (overflow === 'reject' || overflow === 'drop-newest') {
      if (!requests.fits(inline ? end - start : BLOCK_REFERENCE_BYTES)) return lost(out, overflow)
    } else if (overflow === 'drop-oldest') flags |= RecordFlag.Droppable
    host.onSent()
    if (inline) {
      return (
        requests.send(kind, flags, incarnation, correlation, deadlineAt, bytes, start, end, undefined, sentAt) ||
        lost(out, overflow)
      )
    }
    // Whether the reference is taken must be known before: a block that was sent cannot be taken back.
    if (!requests.takes(BLOCK_REFERENCE_BYTES) || !host.blocks.room(peer, end - start)) return lost(out, overflow)
    const id = host.blocks.send(peer, bytes, start, end)
    const reference = numbersPayload(id)
    flags |= RecordFlag.Block
    const size = BLOCK_REFERENCE_BYTES
    return requests.send(kind, flags, incarnation, correlation, deadlineAt, reference, 0, size, undefined, sentAt)
  }

  function lost(out: Outgoing, overflow: Overflow): false {
    if (overflow === 'drop-newest' || overflow === 'drop-oldest') out.requests.countDropped()
    return false
  }

  function full(peer: string, out: Outgoing): PitError {
    const queued = out.requests.queued()
    const reason =
      queued === 0 ? 'there is no room for it' : `${queued} messages from ${host.name} are waiting for room`
    return fail('MAILBOX_FULL', { actor: peer, from: host.name, queued, reason })
  }

  /** Sends an ask or an opening and enters it in the table; `undefined` when it has failed already. */
  function begin(
    kind: RecordKind,
    peer: Peer,
    out: Outgoing,
    call: string,
    body: Encoded,
    options: ResolvedCallOptions,
    inheritedAt: number,
    headerFlags: number,
    resolve: (reply: unknown) => void,
    reject: (error: unknown) => void,
    sink: StreamSink | undefined,
    observed: OutgoingMessage | undefined,
  ): number | undefined {
    const { signal, deadlineMs: givenMs, overflow, onAccepted } = options
    if (signal?.aborted === true) {
      reject(fail('CANCELLED', { actor: peer.name, call }, { cause: signal.reason }))
      return undefined
    }
    const now = clock.monotonicMs()
    const wantedMs = givenMs ?? (sink === undefined ? DEADLINE_DEFAULT_MS : Infinity)
    const deadlineMs = Math.min(wantedMs, inheritedAt - now)
    if (!(deadlineMs > 0)) {
      reject(fail('DEADLINE_EXCEEDED', { actor: peer.name, call, deadlineMs: wantedMs }))
      return undefined
    }
    const correlation = nextCorrelation()
    // With an inherited deadline above the default's the other side sees none after acceptance; this one keeps it.
    const lasts = givenMs !== undefined || deadlineMs !== wantedMs
    const flags = lasts ? headerFlags : headerFlags | RecordFlag.DeadlineUntilAccepted
    if (!send(peer.name, out, kind, flags, correlation, deadlineMs, body, overflow)) {
      reject(full(peer.name, out))
      return undefined
    }
    if (observed !== undefined) publishSent(observed, messageId(correlation), body.end - body.start)
    const deadlineAt = now + deadlineMs
    const pending: Pending = {
      resolve,
      reject,
      peer: peer.name,
      out,
      call,
      deadlineMs,
      deadlineAt,
      lastingAt: givenMs === undefined ? inheritedAt : deadlineAt,
      signal,
      onAbort: undefined,
      sink,
      resting: false,
      onAccepted,
      acceptance: undefined,
    }
    table.set(correlation, pending)
    if (signal !== undefined) watchSignal(correlation, pending)
    if (table.size - resting === 1) host.onPending()
    sweep.note(deadlineAt)
    return correlation
  }

  function accept(correlation: number, pending: Pending, wire: unknown): void {
    const acceptance = acceptanceFromWire(wire)
    if (acceptance === undefined) {
      const error = fail('CODEC_INVALID', { actor: pending.peer, reason: 'the body is not an acceptance' })
      return giveUp(correlation, pending, error)
    }
    pending.acceptance = acceptance
    pending.deadlineAt = pending.lastingAt
    const { onAccepted, peer } = pending
    // Not from within the pump: what it throws is its own affair.
    if (onAccepted !== undefined) queueMicrotask(() => onAccepted(ticketOf(correlation, peer, acceptance)))
  }

  function askAgain(correlation: number, pending: Pending, runs: RunsBefore, { body }: Acceptance): boolean {
    const { peer, out, deadlineAt } = pending
    if (body === null) return false
    const encoded = host.codec.encode(bodyAgain(host.codec.decode(body, 0, body.length, peer), runs), peer)
    const leftMs = deadlineAt - clock.monotonicMs()
    return send(peer, out, RecordKind.Ask, RecordFlag.Again, correlation, leftMs, encoded, 'wait')
  }

  function endTicket(correlation: number, pending: Pending, acceptance: Acceptance, blamed: boolean): void {
    const { peer: actor, call } = pending
    const crashes = acceptance.crashes + (blamed ? 1 : 0)
    pending.acceptance = undefined
    const fields = { actor, call, crashes, ticket: messageId(correlation) }
    switch (redelivery(acceptance.body !== null, crashes)) {
      case 'again': {
        const runs = { redelivered: acceptance.redelivered + 1, crashes }
        if (askAgain(correlation, pending, runs, acceptance)) return
        remove(correlation, pending)
        return pending.reject(fail('ACTOR_RESTARTED', fields, { cause: full(actor, pending.out) }))
      }
      case 'restarted':
        remove(correlation, pending)
        return pending.reject(fail('ACTOR_RESTARTED', fields))
      case 'poison':
        remove(correlation, pending)
        return poison(pending, fail('POISON_MESSAGE', fields), crashes)
    }
  }

  function poison(pending: Pending, error: PitError, crashes: number): void {
    const { peer: actor, call } = pending
    host.onDeadLetter({ actor, call, sender: host.name, reason: 'poison', detail: error.message, crashes })
    pending.reject(error)
  }

  /** What a reader says goes to the writer, as long as the stream is open. */
  function lineOf(correlation: number, pending: Pending): StreamLine {
    const { out } = pending
    return {
      bytesMax: out.replies.data.length,
      grant(items, bytes) {
        const payload = numbersPayload(items, bytes)
        const { control } = out
        if (!table.has(correlation)) return
        control.send(RecordKind.Credit, RecordFlag.None, incarnation, correlation, Infinity, payload, 0, payload.length)
      },
      cancel() {
        if (table.has(correlation)) leave(correlation, pending)
      },
      rest: (on) => {
        if (table.has(correlation)) rest(pending, on)
      },
    }
  }

  return {
    ask: (peer, out, call, body, options, inheritedAt, flags = RecordFlag.None, observed) =>
      new Promise((resolve, reject) => {
        const { Ask } = RecordKind
        begin(Ask, peer, out, call, body, options, inheritedAt, flags, resolve, reject, undefined, observed)
      }),
    open(peer, out, call, body, options, inheritedAt, sink) {
      const end = (): void => sink.onEnd()
      const failed = (error: unknown): void => sink.onEnd(error)
      const { Open } = RecordKind
      const correlation = begin(Open, peer, out, call, body, options, inheritedAt, 0, end, failed, sink, undefined)
      if (correlation !== undefined) sink.onOpen(lineOf(correlation, table.get(correlation)!))
    },
    tell(peer, out, body, overflow, observed) {
      const correlation = nextCorrelation()
      if (!send(peer.name, out, RecordKind.Tell, RecordFlag.None, correlation, Infinity, body, overflow))
        return overflow === 'drop-newest' || overflow === 'drop-oldest'
      if (observed !== undefined) publishSent(observed, messageId(correlation), body.end - body.start)
      return true
    },
    has: (correlation, out) => table.get(correlation)?.out === out,
    settle(correlation, kind, value, bytes) {
      const pending = table.get(correlation)
      if (pending === undefined) return
      if (kind === RecordKind.Item) return pending.sink?.onItem(value, bytes)
      if (kind === RecordKind.Accepted) return accept(correlation, pending, value)
      remove(correlation, pending)
      if (kind === RecordKind.Reply) pending.resolve(value)
      else pending.reject(isWireError(value) ? errorFromWire(value) : notAnError(pending.peer))
    },
    refuse(correlation, error) {
      const pending = table.get(correlation)
      if (pending !== undefined) giveUp(correlation, pending, error)
    },
    disown: sendCancel,
    endTickets(out, ended, blamed) {
      for (const [correlation, pending] of table) {
        const { acceptance } = pending
        if (pending.out === out && acceptance?.incarnation === ended)
          endTicket(correlation, pending, acceptance, blamed)
      }
    },
    failAll(error, out, spared) {
      if (out === undefined) sweep.stop()
      for (const [correlation, pending] of table) {
        if ((out !== undefined && pending.out !== out) || spared?.has(correlation) === true) continue
        remove(correlation, pending)
        pending.reject(error)
      }
    },
    pending: () => table.size - resting,
  }
}

function ticketOf(correlation: number, actor: string, acceptance: Acceptance): Ticket {
  return Object.freeze({ id: messageId(correlation), actor, incarnation: acceptance.incarnation })
}

/** The id of a message, the same in every delivery: the incarnation that sent it, and its number there. */
export function messageId(correlation: number): string {
  return `${Math.floor(correlation / CORRELATION_SPAN)}-${correlation % CORRELATION_SPAN}`
}

function notAnError(actor: string): PitError {
  return fail('CODEC_INVALID', { actor, reason: 'the failure is no error' })
}

const EMPTY = new Uint8Array(0)
const BLOCK_REFERENCE_BYTES = 8

/** A call between two actors of an in-process system: coded, bounded in time, and repeated when its actor restarts. */
import { createCodec } from '../codec.ts'
import { systemClock, type Clock } from '../common/clock.ts'
import { errorFromWire, errorToWire, isPitError, type PitError, type WireError } from '../common/errors.ts'
import type {
  ActorContext,
  ActorDefinition,
  Call,
  CallOptions,
  ResolvedHandler,
  StreamOptions,
} from '../define-actor.ts'
import { fail } from '../errors.ts'
import { callScope, messageInHand, NO_ASKERS } from '../scope.ts'
import { iteratorOf } from '../stream-writer.ts'

/** One life of an actor. */
export interface Life {
  readonly definition: ActorDefinition
  readonly ctx: ActorContext
  readonly state: unknown
  /** Rejects when this life ends. */
  readonly ended: Promise<never>
  readonly counts: { messagesIn: number; messagesOut: number; redelivered: number; inFlight: number }
}

export interface Message {
  readonly from: string
  readonly senderIncarnation: number
  readonly to: string
  readonly call: string
  readonly arg: unknown
  readonly options: CallOptions
}

export interface CallHost {
  readonly clock: Clock
  /** The receiver's present life, after a restart if one is under way; throws when there is none. */
  readonly lifeOf: (message: Message) => Promise<Life>
}

export interface Dispatch {
  ask(message: Message): Promise<unknown>
  stream(message: Message & { readonly options: StreamOptions }): AsyncIterableIterator<unknown>
}

export function createDispatch({ clock, lifeOf }: CallHost): Dispatch {
  const codec = createCodec()
  let calls = 0

  /** What does not survive the codec must fail here too. */
  function coded(value: unknown, actor: string): unknown {
    const { bytes, start, end } = codec.encode(value, actor)
    return codec.decode(bytes, start, end, actor)
  }

  async function runUntilSettled(
    message: Message,
    callOf: (redelivered: number) => Call,
    deadlineAt: number,
  ): Promise<unknown> {
    for (let redelivered = 0; ; redelivered++) {
      const life = await lifeOf(message)
      const handler = life.definition.handlers.get(message.call)
      if (handler === undefined) throw fail('UNKNOWN_HANDLER', { actor: message.to, call: message.call })
      const call = callOf(redelivered)
      const scope = { deadlineAt, settled: false, askers: NO_ASKERS, trace: undefined }
      if (call.signal.aborted) throw call.signal.reason
      life.counts.messagesIn++
      life.counts.inFlight++
      if (redelivered > 0) life.counts.redelivered++
      try {
        const ctx = { ...life.ctx, call }
        return await Promise.race([callScope.run(scope, turn, handler, life.state, message.arg, ctx), life.ended])
      } catch (error) {
        if (!endedUnder(error, message.to) || !handler.redeliver) throw error
      } finally {
        scope.settled = true
        life.counts.inFlight--
      }
    }
  }

  /** One item at a time: the reader's pull is its credit. */
  async function* stream({ options, ...rest }: Parameters<Dispatch['stream']>[0]): AsyncGenerator<unknown, undefined> {
    const { to: actor, call: name, from: sender, senderIncarnation } = rest
    const message = { ...rest, options, arg: coded(rest.arg, actor) }
    const fields = { actor, call: name, deadlineMs: options.deadlineMs }
    const abort = new AbortController()
    const { promise: cut, reject } = Promise.withResolvers<never>()
    cut.catch(() => {})
    const end = (error: PitError): void => (abort.abort(error), reject(error))
    const onAbort = (): void => end(fail('CANCELLED', fields, { cause: options.signal?.reason }))
    const { deadlineMs = Infinity } = options
    const late = (): void => end(fail('DEADLINE_EXCEEDED', fields))
    const timer = deadlineMs === Infinity ? undefined : clock.setTimer(deadlineMs, late, { ref: true })
    options.signal?.addEventListener('abort', onAbort, { once: true })
    if (options.signal?.aborted === true) onAbort()
    let iterator: AsyncIterator<unknown> | undefined
    try {
      const life = await Promise.race([lifeOf(message), cut])
      const handler = life.definition.handlers.get(name)
      if (handler === undefined) throw fail('UNKNOWN_HANDLER', fields)
      const id = `${senderIncarnation}-${++calls}`
      const deadlineAt = clock.now() + deadlineMs
      const call: Call = {
        id,
        sender,
        senderIncarnation,
        redelivered: 0,
        deadlineAt,
        signal: abort.signal,
        traceparent: undefined,
        tracestate: undefined,
      }
      const came = turn(handler, life.state, message.arg, { ...life.ctx, call })
      iterator = iteratorOf(await Promise.race([came, life.ended, cut]))
      if (iterator === undefined) throw fail('NOT_A_STREAM', fields)
      for (;;) {
        const { done, value } = await Promise.race([iterator.next(), life.ended, cut])
        if (done === true) return undefined
        yield coded(value, actor)
      }
    } catch (error) {
      throw errorFromWire(coded(errorToWire(error), actor) as WireError)
    } finally {
      timer?.cancel()
      options.signal?.removeEventListener('abort', onAbort)
      abort.abort(fail('CANCELLED', fields))
      void iterator?.return?.()
    }
  }

  async function ask({ arg, ...rest }: Message): Promise<unknown> {
    const { to: actor, call: name, from, senderIncarnation, options } = rest
    const { signal } = options
    const deadlineMs = Math.min(
      options.deadlineMs ?? 30_000,
      (messageInHand()?.deadlineAt ?? Infinity) - systemClock.monotonicMs(),
    )
    const message = { ...rest, arg: coded(arg, actor) }
    // A message is never handled in its sender's turn.
    await Promise.resolve()
    const abort = new AbortController()
    const id = `${senderIncarnation}-${++calls}`
    const deadlineAt = clock.now() + deadlineMs
    const callOf = (redelivered: number): Call => {
      const trace = { traceparent: undefined, tracestate: undefined }
      return { id, sender: from, senderIncarnation, redelivered, deadlineAt, signal: abort.signal, ...trace }
    }
    return new Promise((resolve, reject) => {
      const giveUp = (error: PitError): void => {
        abort.abort(error)
        reject(error)
      }
      const onAbort = (): void => giveUp(fail('CANCELLED', { actor, call: name }, { cause: signal?.reason }))
      if (signal?.aborted === true) return onAbort()
      if (!(deadlineMs > 0))
        return giveUp(fail('DEADLINE_EXCEEDED', { actor, call: name, deadlineMs: Math.ceil(deadlineMs) }))
      signal?.addEventListener('abort', onAbort, { once: true })
      const late = (): void =>
        giveUp(fail('DEADLINE_EXCEEDED', { actor, call: name, deadlineMs: Math.ceil(deadlineMs) }))
      const timer = deadlineMs === Infinity ? undefined : clock.setTimer(deadlineMs, late, { ref: true })
      runUntilSettled(message, callOf, systemClock.monotonicMs() + deadlineMs)
        .then((reply) => coded(reply, actor))
        .then(resolve, (error: unknown) => reject(errorFromWire(coded(errorToWire(error), actor) as WireError)))
        .finally(() => {
          timer?.cancel()
          signal?.removeEventListener('abort', onAbort)
        })
    })
  }

  return { ask, stream }
}

/** Turns a throw of the synchronous part into a rejection, as the reply of a thread would be. */
async function turn(
  handler: ResolvedHandler,
  state: unknown,
  arg: unknown,
  ctx: Parameters<ResolvedHandler['run']>[2],
): Promise<unknown> {
  return handler.run(state, arg, ctx)
}

function endedUnder(error: unknown, actor: string): boolean {
  return isPitError(error, 'ACTOR_RESTARTED') && error.fields.actor === actor && error.fields.call === undefined
}

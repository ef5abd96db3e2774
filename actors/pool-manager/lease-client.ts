/**
 * Leases for one thread: from shared memory when the model is hot and nobody waits, else from the Pool Manager.
 *
 * What the client remembers of a model (row, host, version) belongs to one state word. The word changes whenever the
 * model is unloaded, moved or replaced, and while somebody waits; then the memory is void and the pool is asked.
 */
import { type ActorRef, type Clock, isPitError, systemClock } from '../../runtime/index.ts'
import { poolErrors } from './errors.ts'
import { slotWord } from './lease-layout.ts'
import { Acquire, claimed, isOpenHot, LeaseTable, nextSequence } from './lease-table.ts'
import type { LeaseGrant, PoolManagerProtocol } from './protocol.ts'
import type { PriorityName } from '../arbitration-engine/protocol.ts'

/** Loading a large model may take minutes; a wait in a long queue too. */
const DEADLINE_DEFAULT_MS = 300_000

export interface LeaseClientOptions {
  readonly pool: ActorRef<PoolManagerProtocol>
  /** `ctx.shared(LEASE_REGION)` or `system.shared(LEASE_REGION)`. */
  readonly region: SharedArrayBuffer
  /** The holder's own incarnation: by it the slots of a crashed thread are found. */
  readonly incarnation: number
  readonly clock?: Clock
}

export interface AcquireOptions {
  readonly tenant: string
  /** @default 'normal' */
  readonly priority?: PriorityName
  /** Time until `LEASE_TIMEOUT`. @default 300_000 */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

/** A slot of a model, until it is released. Releasing twice is no error and does nothing. */
export interface Lease extends Disposable {
  readonly grant: LeaseGrant
  release(): void
}

/** What is known of a hot model: valid while its state word is `expected`. */
interface Known {
  readonly modelIndex: number
  readonly expected: number
  readonly version: string
  readonly host: string
  /** Where the last lease was found: each thread keeps to its own slots, so they seldom meet. */
  from: number
}

export class LeaseClient {
  readonly #pool: ActorRef<PoolManagerProtocol>
  readonly #table: LeaseTable
  readonly #incarnation: number
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  #sequence = 0

  constructor(options: LeaseClientOptions) {
    this.#pool = options.pool
    this.#table = new LeaseTable(options.region)
    this.#incarnation = options.incarnation
    this.#clock = options.clock ?? systemClock
    // Says who is there now; slots of an earlier life of this actor are freed by it, should its death have been missed.
    this.#pool.tell.attach({})
  }

  /**
   * Takes a lease; loads the model when it must.
   * Errors: `UNKNOWN_MODEL`, `MODEL_LOAD_FAILED`, `MODEL_UNAVAILABLE`, `LEASE_TIMEOUT`, `LEASE_DENIED`, `CANCELLED`.
   */
  async acquire(model: string, options: AcquireOptions): Promise<Lease> {
    const fast = options.signal?.aborted === true ? null : this.tryAcquire(model)
    return fast ?? this.#allocate(model, options)
  }

  /** Takes a lease if that needs no message: the model is hot, known here, has a free slot, and nobody waits. Else null. */
  tryAcquire(model: string): Lease | null {
    const known = this.#known.get(model)
    if (known === undefined) return null
    this.#sequence = nextSequence(this.#sequence)
    const token = slotWord(this.#incarnation, this.#sequence)
    const slot = this.#table.acquire(known.modelIndex, known.expected, token, known.from)
    if (slot >= 0) {
      known.from = slot
      return new HeldLease(this, model, known, slot, token, true)
    }
    if (slot === Acquire.ClosedTellPool) this.#tellFreed(model)
    return null
  }

  /** For `HeldLease` only. */
  free(model: string, modelIndex: number, slot: number, token: number): void {
    if (this.#table.release(modelIndex, slot, token)) this.#tellFreed(model)
  }

  async #allocate(model: string, options: AcquireOptions): Promise<Lease> {
    const { tenant, priority, signal, deadlineMs = DEADLINE_DEFAULT_MS } = options
    const deadlineAt = this.#clock.monotonicMs() + deadlineMs
    for (;;) {
      const leftMs = deadlineAt - this.#clock.monotonicMs()
      if (leftMs <= 0) throw poolErrors.fail('LEASE_TIMEOUT', { model, deadlineMs })
      const request = { model, tenant, ...(priority === undefined ? {} : { priority }) }
      const grant = await this.#pool.ask
        .allocate(request, { deadlineMs: leftMs, ...(signal === undefined ? {} : { signal }) })
        .catch((error: unknown) => {
          if (!isPitError(error, 'DEADLINE_EXCEEDED')) throw error
          throw poolErrors.fail('LEASE_TIMEOUT', { model, deadlineMs }, { cause: error })
        })
      // An offer that came too late (this thread was busy, or the pool restarted) is withdrawn: ask again.
      if (this.#table.claim(grant.modelIndex, grant.slot, grant.token)) return this.#held(grant)
    }
  }

  #held(grant: LeaseGrant): Lease {
    const { model, modelIndex, slot, version, host } = grant
    const known = { modelIndex, expected: this.#table.stateWord(modelIndex), version, host, from: slot }
    // While the slot is held the residency cannot change, so this word is the one the grant speaks of.
    if (isOpenHot(known.expected)) this.#known.set(model, known)
    return new HeldLease(this, model, known, slot, claimed(grant.token), grant.warm)
  }

  #tellFreed(model: string): void {
    this.#pool.tell.slotFreed({ model })
  }
}

/** The grant is put together only when somebody looks: half the cost of a hot lease would be its id. */
class HeldLease implements Lease {
  readonly #client: LeaseClient
  readonly #model: string
  readonly #known: Known
  readonly #slot: number
  readonly #token: number
  readonly #warm: boolean
  #released = false

  constructor(client: LeaseClient, model: string, known: Known, slot: number, token: number, warm: boolean) {
    this.#client = client
    this.#model = model
    this.#known = known
    this.#slot = slot
    this.#token = token
    this.#warm = warm
  }

  get grant(): LeaseGrant {
    const { modelIndex, version, host } = this.#known
    const leaseId = `lease_${modelIndex}.${this.#slot}.${this.#token.toString(16)}`
    return {
      leaseId,
      model: this.#model,
      version,
      host,
      modelIndex,
      slot: this.#slot,
      token: this.#token,
      warm: this.#warm,
    }
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#client.free(this.#model, this.#known.modelIndex, this.#slot, this.#token)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

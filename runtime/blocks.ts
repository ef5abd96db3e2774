/**
 * Bodies too large for a ring travel in shared blocks that the supervisor keeps, so that they outlive sender and receiver.
 *
 *   sender ── block ──► supervisor          keeps it until it is freed; hands it on where the sender could not
 *          ── block ──► receiver            over the bell's port: a blocked host holds nobody up
 *          ── record ─► receiver            the ring's record carries only the id
 *                       supervisor ◄── freed ── receiver
 *
 * I1. The block is posted to the supervisor, then to the receiver, and then its record is published: a published record's
 *     block is never lost, whoever dies. A record whose block has not arrived yet waits: in its ring, and after a restart
 *     in its cell (recovery.ts).
 * I2. Every incarnation of the receiver hears of a block once: from the sender if it had a port to that incarnation, in the
 *     wiring if it started later, from the supervisor otherwise.
 * I3. `freed` may reach the supervisor before the block itself: it leaves a tombstone that the block meets. As the block was
 *     posted before anybody could free it, tombstones are no more than blocks on their way.
 * I4. The blocks on their way to an actor and in its hands are at most `BLOCK_BYTES_MAX` in requests: its senders count
 *     them in one shared word and refuse beyond it. Replies are counted and never refused: they were asked for. A thread
 *     that dies within a step leaves the count too low for one block, never too high.
 * I5. An incarnation may free a block and die before it gives up the record or cell that names it. The next one is wired with
 *     what was freed (`freedBlocks`), so that nobody takes such a block for one that is late and waits for it. One that is to
 *     be freed before it comes is `unwanted`: when its receiver dies before it has it, the supervisor frees it.
 */
import { CORRELATION_SPAN } from './asks.ts'
import { BOARD_WORD, type BoardSlot } from './board.ts'
import { MESSAGE_BYTES_MAX } from './codec.ts'
import type { Peer } from './peer.ts'
import type { BlockWiring, FromWorker } from './wiring.ts'

/** Large bodies that may wait for one actor, all senders together; the largest message fits. */
export const BLOCK_BYTES_MAX = MESSAGE_BYTES_MAX

/** Ids heard of as dropped before their blocks arrived; beyond it the oldest is forgotten, and its block kept too long. */
const TOMBSTONES_MAX = 4096

/** V8 looks for garbage when it has been given that much memory beside its heap. */
const BALLAST_BYTES = 32 * 1024 * 1024

/**
 * V8 counts shared memory in no thread: handles of freed blocks would wait for other garbage to be collected, and hold
 * gigabytes meanwhile. So for all that a thread lets go of it is shown as much memory that it does count; nobody writes to
 * that, so it costs address space only.
 */
function createBallast(): (bytes: number) => void {
  let releasedBytes = 0
  return (bytes) => {
    releasedBytes += bytes
    if (releasedBytes < BALLAST_BYTES) return
    releasedBytes = 0
    void new ArrayBuffer(BALLAST_BYTES)
  }
}

export function createBlock(id: number, bytes: Uint8Array, start: number, end: number): BlockWiring {
  const buffer = new SharedArrayBuffer(end - start)
  new Uint8Array(buffer).set(bytes.subarray(start, end))
  return { id, buffer }
}

/** A thread's side. */
export interface BlockPort {
  /** Whether that actor takes so many bytes more (I4). */
  room(to: string, bytes: number): boolean
  /** Copies the bytes into a new block for that actor and returns its id. */
  send(to: string, bytes: Uint8Array, start: number, end: number): number
  /** The block, when it has arrived. */
  get(id: number): SharedArrayBuffer | undefined
  /** Also of a block that is still on its way: its message may have expired before. */
  free(id: number): void
  /** Whether an earlier life has freed it (I5): it will not come. */
  freed(id: number): boolean
}

/** The blocks that a worker's thread has been given and sends. */
export interface ThreadBlocks extends BlockPort {
  /** From a sender, or from the supervisor. */
  take(block: BlockWiring): void
  /** Their sender died before it published them; they may still be on their way here. */
  drop(ids: readonly number[]): void
}

export interface ThreadBlocksHost {
  readonly incarnation: number
  /** Ids are counted from here. */
  readonly firstCall: number
  readonly slot: BoardSlot
  readonly given: readonly BlockWiring[]
  /** @default none */
  readonly freed?: readonly number[]
  readonly peer: (name: string) => Peer | undefined
  readonly post: (message: FromWorker) => void
}

export function createThreadBlocks(host: ThreadBlocksHost): ThreadBlocks {
  const { incarnation, slot, given, freed, peer, post } = host
  const blocks = new Map<number, SharedArrayBuffer>()
  const dropped = createTombstones()
  const gone = new Set(freed)
  const release = createBallast()
  let id = incarnation * CORRELATION_SPAN + host.firstCall
  for (const block of given) blocks.set(block.id, block.buffer)

  function free(block: number): void {
    if (gone.delete(block)) return
    const buffer = blocks.get(block)
    if (buffer === undefined) {
      dropped.add(block)
      return post({ kind: 'block-unwanted', id: block, by: incarnation })
    }
    blocks.delete(block)
    release(buffer.byteLength)
    slot.addShared(BOARD_WORD.BlockBytes, -buffer.byteLength)
    post({ kind: 'block-freed', id: block })
  }

  return {
    room: (to, bytes) => hasRoom(peer(to)?.slot, bytes),
    send(to, bytes, start, end) {
      const block = createBlock(++id, bytes, start, end)
      const receiver = peer(to)
      // The supervisor first (I1): it is told which incarnation the next line reaches.
      post({ kind: 'block', to, block, given: receiver?.bell.reaches() ?? 0 })
      receiver?.bell.post(block)
      receiver?.slot.addShared(BOARD_WORD.BlockBytes, end - start)
      release(end - start)
      return id
    },
    get: (block) => blocks.get(block),
    free,
    freed: (block) => gone.has(block),
    take({ id: block, buffer }) {
      blocks.set(block, buffer)
      if (dropped.take(block)) free(block)
    },
    drop(ids) {
      for (const block of ids) free(block)
    },
  }
}

/** Nothing waits, or there is room beside it. */
export function hasRoom(slot: BoardSlot | undefined, bytes: number): boolean {
  if (slot === undefined) return true
  const waiting = slot.get(BOARD_WORD.BlockBytes)
  return waiting <= 0 || waiting + bytes <= BLOCK_BYTES_MAX
}

/** The supervisor's side: which blocks are on their way or in use, and for whom. */
export interface BlockStore {
  /** `false` when it is freed already (I3). */
  keep(to: string, block: BlockWiring): boolean
  free(id: number): void
  /** Whether it was here and is no more, or will not be kept when it comes. */
  freed(id: number): boolean
  /** That incarnation of its receiver frees it as soon as it has it, and may die before. */
  forsake(id: number, by: number): void
  /** Which incarnation was to free it. */
  forsakenBy(id: number): number | undefined
  /** Frees what that dead receiver was to free and did not; returns how many bytes. */
  freeForsaken(to: string): number
  get(id: number): SharedArrayBuffer | undefined
  of(to: string): readonly BlockWiring[]
  /** Blocks that have an id above `first` and up to `last`, by receiver. */
  between(first: number, last: number): ReadonlyMap<string, readonly BlockWiring[]>
  dropAll(to: string): void
  count(): number
}

export function createBlockStore(): BlockStore {
  const blocks = new Map<number, { readonly to: string; readonly block: BlockWiring }>()
  const freed = createTombstones()
  const forsaken = new Map<number, number>()
  // Of each incarnation's blocks, which it posts in the order of their ids, the last that came.
  const last = new Map<number, number>()
  const release = createBallast()

  /** `false` when it is not here. */
  function forget(id: number): boolean {
    release(blocks.get(id)?.block.buffer.byteLength ?? 0)
    return blocks.delete(id)
  }

  return {
    keep(to, block) {
      last.set(senderOf(block.id), block.id)
      if (freed.take(block.id)) return false
      blocks.set(block.id, { to, block })
      return true
    },
    free(id) {
      forsaken.delete(id)
      if (!forget(id)) freed.add(id)
    },
    freed: (id) => !blocks.has(id) && (freed.has(id) || forsaken.has(id) || id <= (last.get(senderOf(id)) ?? 0)),
    forsake: (id, by) => void forsaken.set(id, by),
    forsakenBy: (id) => forsaken.get(id),
    freeForsaken(to) {
      let bytes = 0
      for (const id of forsaken.keys()) {
        const kept = blocks.get(id)
        if (kept?.to !== to) continue
        bytes += kept.block.buffer.byteLength
        forget(id)
        forsaken.delete(id)
      }
      return bytes
    },
    get: (id) => blocks.get(id)?.block.buffer,
    of: (to) => [...blocks.values()].filter((kept) => kept.to === to).map((kept) => kept.block),
    between(first, last) {
      const found = [...blocks.values()].filter(({ block: { id } }) => id > first && id <= last)
      const groups = Map.groupBy(found, ({ to }) => to)
      return new Map([...groups].map(([to, kept]) => [to, kept.map(({ block }) => block)]))
    },
    dropAll(to) {
      for (const [id, kept] of blocks) if (kept.to === to) forget(id)
    },
    count: () => blocks.size,
  }
}

/** The incarnation that has sent it. */
const senderOf = (id: number): number => Math.floor(id / CORRELATION_SPAN)

function createTombstones() {
  const ids = new Set<number>()
  return {
    add(id: number): void {
      ids.add(id)
      if (ids.size > TOMBSTONES_MAX) for (const oldest of ids) return void ids.delete(oldest)
    },
    take: (id: number): boolean => ids.delete(id),
    has: (id: number): boolean => ids.has(id),
  }
}

/**
 * A disk that fails as real ones do, all of it decided by a seeded generator: the test twin of `persistence/`'s file layer.
 *
 *   visible   what the running process reads back (the page cache)
 *   durable   what is on the device; `sync` moves a file's pending writes there, `syncDir` pending names
 *
 * I1. A power cut keeps what is durable and an arbitrary part of what is pending: any subset of a file's writes, each whole
 *     or only some of its sectors, and a prefix of the directory's changes (journaled, as file systems do).
 * I2. A sync that fails drops an arbitrary part of the pending writes for good while they stay visible, and the next sync
 *     succeeds: what Linux does ("fsyncgate").
 * I3. After a kill every call of that process fails; the page cache stays.
 *
 * `start` is one process at a time; `join` lets several share the disk, each dying alone, and all in a power cut.
 */
import { dirname } from 'node:path'
import type { Random } from '../common/random.ts'
import type { FileDescriptor, FileLayer } from '../persistence/file-layer.ts'
import { createGrowingBytes, type GrowingBytes } from '../persistence/growing-bytes.ts'
import { errno } from '../persistence/memory-files.ts'

export type Fault = 'ENOSPC' | 'EIO' | 'EROFS' | 'kill'

export interface FaultPoint {
  readonly call: keyof FileLayer
  /** Counts all calls of this process, from 1. */
  readonly index: number
}

export interface FaultyDisk {
  /** A process's view of the disk; `plan` says which of its calls fail and how. The previous process is dead. */
  start(plan?: (point: FaultPoint) => Fault | null): FileLayer
  /** A view beside the others. `later` decides when a sync is done. @default after some turns of promises */
  join(options?: JoinOptions): DiskProcess
  /** Ends every running process; the page cache survives. */
  kill(): void
  /** Ends every running process and the page cache. */
  powerCut(): void
  /** Flips one bit of a file, on the device and in the cache. */
  flip(path: string, at: number): void
  paths(): readonly string[]
  size(path: string): number
}

export interface JoinOptions {
  readonly plan?: (point: FaultPoint) => Fault | null
  readonly later?: (done: () => void) => void
}

export interface DiskProcess {
  readonly files: FileLayer
  /** Ends this process alone. */
  kill(): void
}

type Change =
  | { readonly kind: 'write'; readonly bytes: Uint8Array; readonly at: number }
  | { readonly kind: 'truncate'; readonly size: number }

interface Inode {
  readonly visible: GrowingBytes
  readonly durable: GrowingBytes
  pending: Change[]
}

type Names = Map<string, Inode>

const SECTOR_BYTES = 512

export function createFaultyDisk(random: Random): FaultyDisk {
  let names: Names = new Map()
  let durableNames: Names = new Map()
  let pendingNames: ((names: Names) => void)[] = []
  const running = new Set<object>()

  const chance = (): boolean => random.next() < 0.5
  const upTo = (n: number): number => Math.floor(random.next() * (n + 1))

  function changeNames(change: (names: Names) => void): void {
    change(names)
    pendingNames.push(change)
  }

  function change(inode: Inode, made: Change): void {
    apply(inode.visible, made)
    inode.pending.push(made)
  }

  function persist(inode: Inode, changes: readonly Change[]): void {
    for (const made of changes) apply(inode.durable, made)
    inode.pending = inode.pending.filter((made) => !changes.includes(made))
  }

  /** I2: of each pending change the device may have got all, a part or nothing. */
  function survivors(changes: readonly Change[]): Change[] {
    return changes.filter(chance).flatMap((made) => (made.kind === 'write' && chance() ? tear(made) : [made]))
  }

  function tear(made: Change & { readonly kind: 'write' }): Change[] {
    const parts: Change[] = []
    for (let from = 0; from < made.bytes.length;) {
      const to = Math.min(made.bytes.length, from + SECTOR_BYTES - ((made.at + from) % SECTOR_BYTES))
      if (chance()) parts.push({ kind: 'write', bytes: made.bytes.subarray(from, to), at: made.at + from })
      from = to
    }
    return parts
  }

  function someTurns(done: () => void): void {
    let turns = upTo(4)
    const turn = (): void => {
      if (turns-- === 0) done()
      else queueMicrotask(turn)
    }
    turn()
  }

  function join({ plan = () => null, later = someTurns }: JoinOptions = {}): DiskProcess {
    const own = {}
    running.add(own)
    const kill = (): void => void running.delete(own)
    const dead = (): boolean => !running.has(own)
    const opened = new Map<FileDescriptor, Inode>()
    let index = 0
    let lastFd = 0

    /** The fault planned for this call; a kill happens here. */
    function enter(call: keyof FileLayer): Fault | null {
      if (dead()) throw errno('KILLED', call)
      return plan({ call, index: ++index })
    }

    function raise(fault: Fault | null, what: string): void {
      if (fault === 'kill') kill()
      if (fault !== null) throw errno(fault === 'kill' ? 'KILLED' : fault, what)
    }

    function inode(fd: FileDescriptor): Inode {
      const found = opened.get(fd)
      if (found === undefined) throw errno('EBADF', String(fd))
      return found
    }

    function failSync(fd: FileDescriptor, fault: Fault | null): void {
      if (fault !== null && fault !== 'kill') {
        const { pending } = inode(fd)
        for (const made of survivors(pending)) apply(inode(fd).durable, made)
        inode(fd).pending = []
      }
      raise(fault, 'sync')
    }

    const files: FileLayer = {
      makeDir: () => raise(enter('makeDir'), 'makeDir'),
      list(dir) {
        raise(enter('list'), dir)
        return [...names.keys()].filter((path) => dirname(path) === dir).map((path) => path.slice(dir.length + 1))
      },
      open(path, mode) {
        raise(enter('open'), path)
        let found = names.get(path)
        if (found === undefined) {
          if (mode === 'read') throw errno('ENOENT', path)
          const created: Inode = { visible: createGrowingBytes(), durable: createGrowingBytes(), pending: [] }
          changeNames((to) => void to.set(path, created))
          found = created
        }
        opened.set(++lastFd, found)
        return lastFd
      },
      close: (fd) => void opened.delete(fd),
      size(fd) {
        raise(enter('size'), 'size')
        return inode(fd).visible.size()
      },
      read(fd, into, at) {
        raise(enter('read'), 'read')
        return inode(fd).visible.read(into, at)
      },
      write(fd, parts, at) {
        const fault = enter('write')
        const bytes = Buffer.concat(parts)
        // The whole of it, too: a call can fail after its work is done.
        const kept = fault === null || chance() ? bytes.length : upTo(bytes.length)
        if (kept > 0) change(inode(fd), { kind: 'write', bytes: new Uint8Array(bytes.subarray(0, kept)), at })
        raise(fault, 'write')
      },
      truncate(fd, size) {
        raise(enter('truncate'), 'truncate')
        change(inode(fd), { kind: 'truncate', size })
      },
      async sync(fd) {
        const fault = enter('sync')
        const covered = [...inode(fd).pending]
        const target = inode(fd)
        await new Promise<void>(later)
        if (dead()) throw errno('KILLED', 'sync')
        failSync(fd, fault)
        persist(target, covered)
      },
      syncNow(fd) {
        failSync(fd, enter('syncNow'))
        persist(inode(fd), [...inode(fd).pending])
      },
      syncDir(dir) {
        raise(enter('syncDir'), dir)
        for (const made of pendingNames) made(durableNames)
        pendingNames = []
      },
      rename(from, to) {
        raise(enter('rename'), from)
        if (!names.has(from)) throw errno('ENOENT', from)
        changeNames((all) => {
          const moved = all.get(from)
          all.delete(from)
          if (moved !== undefined) all.set(to, moved)
        })
      },
      remove(path) {
        raise(enter('remove'), path)
        changeNames((all) => void all.delete(path))
      },
    }
    return { files, kill }
  }

  function killAll(): void {
    running.clear()
  }

  function powerCut(): void {
    killAll()
    for (const made of pendingNames.slice(0, upTo(pendingNames.length))) made(durableNames)
    pendingNames = []
    names = new Map()
    for (const [path, { durable, pending }] of durableNames) {
      for (const made of survivors(pending)) apply(durable, made)
      names.set(path, { durable, visible: durable.copy(), pending: [] })
    }
    durableNames = new Map(names)
  }

  return {
    start(plan) {
      killAll()
      return join(plan === undefined ? {} : { plan }).files
    },
    join,
    kill: killAll,
    powerCut,
    flip(path, at) {
      const inode = names.get(path)
      if (inode === undefined) throw errno('ENOENT', path)
      const byte = new Uint8Array(1)
      inode.visible.read(byte, at)
      byte[0]! ^= 1 << upTo(7)
      inode.visible.write(byte, at)
      inode.durable.write(byte, at)
    },
    paths: () => [...names.keys()],
    size: (path) => names.get(path)?.visible.size() ?? 0,
  }
}

function apply(bytes: GrowingBytes, made: Change): void {
  if (made.kind === 'write') bytes.write(made.bytes, made.at)
  else bytes.truncate(made.size)
}

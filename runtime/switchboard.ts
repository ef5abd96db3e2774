/**
 * Connects threads: which links exist, who gets which bell, who is told of what.
 *
 * Every incarnation gets a fresh pair of ports with each living peer: a bell cannot outlive its thread. Links and tables
 * are made once per child and given to each incarnation again.
 */
import type { LinkMark } from './actor-links.ts'
import { freedBlocks } from './block-delivery.ts'
import type { BlockStore } from './blocks.ts'
import { isOver, type Child } from './child.ts'
import { createCodec } from './codec.ts'
import type { Endpoint } from './endpoint.ts'
import type { Links } from './links.ts'
import type { MemoryPool } from './memory-pool.ts'
import { inlineBytesMax, RecordFlag, RecordKind } from './rings/layout.ts'
import { numbersPayload } from './rings/numbers.ts'
import type { Transport } from './transport.ts'
import { HOST, HOST_INCARNATION, type DeathRecord, type PeerWiring, type Port, type StartWiring } from './wiring.ts'

export interface SwitchboardOptions {
  readonly children: ReadonlyMap<string, Child>
  readonly links: Links
  readonly pool: MemoryPool
  readonly blocks: BlockStore
  readonly endpoint: Endpoint
  readonly board: SharedArrayBuffer
  readonly shared: Readonly<Record<string, SharedArrayBuffer>>
  readonly logging: boolean
  /** Where the calls of that life are counted from. */
  readonly firstCall: (incarnation: number) => number
  readonly transport: Transport
}

export interface Switchboard {
  /** Makes the links and the held table of a child that has been described. */
  link(child: Child): void
  /** The wiring of the child's new incarnation; its living peers are given their new bells. */
  plug(child: Child): { readonly wiring: StartWiring; readonly ports: readonly Port[] }
  /** Tells every living thread of a death; those that were linked with the dead one also that they were. */
  announce(record: DeathRecord, links: ReadonlyMap<string, LinkMark>): void
  /** Tells one thread. */
  tell(child: Child, record: DeathRecord): void
  /** Asks a child to stop in order, within that time. */
  askToStop(child: Child, withinMs: number): void
  /** Whether that actor may send to this child. */
  mayReach(from: string, child: Child): boolean
}

const HOST_GENERATION = 0
const HOST_SLOT = 0

export function createSwitchboard(options: SwitchboardOptions): Switchboard {
  const { children, links, pool, blocks, endpoint, transport } = options
  const { capacity } = transport
  const codec = createCodec()

  const mayReach = (from: string, child: Child): boolean =>
    from === HOST ||
    child.spec.reachableFrom.includes(from) ||
    children.get(from)?.description?.peers.includes(child.spec.name) === true

  function link(child: Child): void {
    const { name } = child.spec
    const { inFlightMax = 0 } = child.description ?? {}
    const own = child.dynamic ? capacity.dynamic : capacity.static
    links.ensure(HOST, name, own)
    links.ensure(name, HOST, capacity.host)
    for (const other of children.values()) {
      if (other === child || other.description === undefined || isOver(other)) continue
      const between = other.dynamic ? capacity.dynamic : own
      if (mayReach(name, other)) links.ensure(name, other.spec.name, between)
      if (mayReach(other.spec.name, child)) links.ensure(other.spec.name, name, between)
    }
    const payloadBytes = inlineBytesMax(own.requestBytes)
    child.table ??= pool.table(inFlightMax, payloadBytes)
  }

  /** `name` as `from` sees it. */
  function peerWiring(from: string, name: string, bell: PeerWiring['bell']): PeerWiring {
    const child = children.get(name)
    return {
      name,
      generation: child?.generation ?? HOST_GENERATION,
      slot: child?.slotIndex ?? HOST_SLOT,
      out: links.get(from, name),
      in: links.get(name, from),
      bell,
    }
  }

  function plug(child: Child): { wiring: StartWiring; ports: Port[] } {
    const { name, config } = child.spec
    const ports: Port[] = []
    const peers = links.peersOf(name).map((peer) => {
      const other = children.get(peer)
      if (peer !== HOST && other?.attached !== true) return peerWiring(name, peer, null)
      const channel = transport.channel()
      const seen = peerWiring(peer, name, { port: channel.port2, incarnation: child.incarnation })
      if (other === undefined) endpoint.connect(seen)
      else other.worker?.post({ kind: 'peer', peer: seen }, [channel.port2])
      ports.push(channel.port1)
      return peerWiring(name, peer, { port: channel.port1, incarnation: other?.incarnation ?? HOST_INCARNATION })
    })
    child.attached = true
    child.known = true
    const { incarnation, slotIndex: slot, table, metrics } = child
    if (table === undefined) throw new Error('link comes before plug')
    const { board, shared, logging } = options
    return {
      wiring: {
        name,
        incarnation,
        firstCall: options.firstCall(incarnation),
        config,
        board,
        slot,
        table,
        metrics,
        peers,
        shared,
        logging,
        blocks: blocks.of(name),
        blocksFreed: freedBlocks(child, links, blocks),
      },
      ports,
    }
  }

  function tell(child: Child, record: DeathRecord): void {
    const { name } = child.spec
    const { bytes, start, end } = codec.encode(record, name)
    const lane = endpoint.controlOf(name)
    lane?.send(RecordKind.Death, RecordFlag.None, HOST_INCARNATION, 0, Infinity, bytes, start, end)
    endpoint.nudge(name)
  }

  function announce(record: DeathRecord, marks: ReadonlyMap<string, LinkMark>): void {
    for (const child of children.values()) {
      if (!child.attached || child.generation === record.generation) continue
      const link = marks.get(child.spec.name)
      tell(child, link === undefined ? record : { ...record, link })
    }
    endpoint.onDeath(record)
  }

  return {
    link,
    plug,
    announce,
    tell,
    askToStop(child, withinMs) {
      const lane = endpoint.controlOf(child.spec.name)
      const payload = numbersPayload(withinMs)
      lane?.send(RecordKind.Stop, RecordFlag.None, HOST_INCARNATION, 0, Infinity, payload, 0, payload.length)
    },
    mayReach,
  }
}

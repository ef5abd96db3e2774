/** Nodes that wait for resources: prepared, without a slot, until the grant is there; then back in the ready heap. */
import type { Grants, Unit } from './grants.ts'
import type { Prepared } from './preparation.ts'
import { definitionOf, nodePath, type Run } from './run.ts'
import { pushReady } from './scheduler.ts'
import { RUNNING } from './transitions.ts'

export interface ParkedNode {
  readonly prepared: Prepared
  readonly unit: Unit
}

export interface Parking {
  /** Nodes that wait for a grant. */
  readonly waiting: number
  /** Settles when the node has its grant (and is ready again), or is not wanted any more; rejects when it gets none. */
  park(node: number, prepared: Prepared, options: ParkOptions): Promise<void>
  /** What a node came back with. */
  collect(node: number): ParkedNode | undefined
  /** Hands back the grants of nodes that have been ended from elsewhere. */
  releaseEnded(): void
}

export interface ParkOptions {
  readonly signal: AbortSignal
  readonly isCurrent: () => boolean
}

export function createParking(run: Run, grants: Grants): Parking {
  const granted = new Map<number, ParkedNode>()
  let waiting = 0
  return {
    get waiting() {
      return waiting
    },
    async park(node, prepared, { signal, isCurrent }) {
      const { runId, tenant } = run.start
      const resources = definitionOf(run, node).resources!
      waiting++
      try {
        const unit = await grants.take({ tenant, resources, runId, nodeId: nodePath(run, node), signal })
        if (!isCurrent()) return unit.release(0)
        granted.set(node, { prepared, unit })
        pushReady(run, node)
      } finally {
        waiting--
      }
    },
    collect(node) {
      const parked = granted.get(node)
      granted.delete(node)
      return parked
    },
    releaseEnded() {
      for (const [node, { unit }] of granted) {
        if (run.table.state[node]! <= RUNNING) continue
        granted.delete(node)
        unit.release(0)
      }
    },
  }
}

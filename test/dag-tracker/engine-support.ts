/** A tracker with its real peers on one thread, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { arbitrationEngineActor, type ArbitrationConfig } from '../../actors/arbitration-engine/index.ts'
import { artifactStoreActor } from '../../actors/artifact-store/index.ts'
import { artifactStore } from '../../actors/artifact-store/protocol.ts'
import { dagTrackerActor, type DagTrackerConfig } from '../../actors/dag-tracker/index.ts'
import {
  dagTracker,
  type ExecutionResult,
  type RunEvent,
  type StartRequest,
} from '../../actors/dag-tracker/protocol.ts'
import type { NodeDefinition, OperatorNode, WorkflowDefinition } from '../../actors/dag-tracker/workflow/definition.ts'
import { LEASE_REGION, leaseRegionBytes } from '../../actors/pool-manager/protocol.ts'
import type { ActorDefinition, ActorRef, ActorSystem } from '../../runtime/index.ts'
import type { ArtifactStoreProtocol } from '../../actors/artifact-store/protocol.ts'
import type { DagTrackerProtocol } from '../../actors/dag-tracker/protocol.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'

export interface Engine extends AsyncDisposable {
  readonly system: ActorSystem
  readonly tracker: ActorRef<DagTrackerProtocol>
  readonly store: ActorRef<ArtifactStoreProtocol>
  readonly dir: string
  /** Starts and waits for the end. */
  run(definition: WorkflowDefinition, request?: Omit<StartRequest, 'definition'>): Promise<ExecutionResult>
  events(runId: string): Promise<RunEvent[]>
}

export interface EngineOptions {
  /** Keeps an earlier engine's data. @default a new folder */
  readonly dir?: string
  readonly tracker?: Partial<DagTrackerConfig>
  /** The tracker's configuration as it stands, instead of `tracker`: read anew by each of its lives. */
  readonly trackerConfig?: DagTrackerConfig
  readonly arbitration?: Partial<ArbitrationConfig>
  /** Further actors, started before the tracker. */
  readonly actors?: readonly (readonly [ActorDefinition, unknown?])[]
}

export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'pit-dag-')))
  const system = await startInProcess({
    actors: [
      [artifactStoreActor, { dataDir: dir }],
      [arbitrationEngineActor, { dataDir: dir, capacity: { cpu: 4 }, ...options.arbitration }],
      ...(options.actors ?? []),
      [dagTrackerActor, options.trackerConfig ?? { dataDir: dir, ...options.tracker }],
    ],
    shared: { [LEASE_REGION]: leaseRegionBytes(16) },
  })
  const tracker = system.ref(dagTracker)
  return {
    system,
    tracker,
    store: system.ref(artifactStore),
    dir,
    async run(definition, request = {}) {
      const { runId } = await tracker.ask.start({ definition, ...request })
      return await tracker.ask.wait({ runId })
    },
    async events(runId) {
      const all: RunEvent[] = []
      for (;;) {
        const { events, done } = await tracker.ask.events({ runId, afterSeq: all.length, limit: 100, waitMs: 5_000 })
        all.push(...events)
        if (done) return all
      }
    },
    async [Symbol.asyncDispose]() {
      await system.close()
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
}

const OPERATORS = new URL('./fixtures/operators.ts', import.meta.url).href

export function workflowOf(
  nodes: readonly NodeDefinition[],
  rest: Partial<WorkflowDefinition> = {},
): WorkflowDefinition {
  return { schemaVersion: 1, name: 'test', nodes, ...rest }
}

/** A node that runs one of the functions in `fixtures/operators.ts`. */
export function step(
  id: string,
  name: string,
  inputs: NonNullable<OperatorNode['inputs']> = {},
  rest: Partial<OperatorNode> = {},
): OperatorNode {
  return { id, kind: 'operator', operator: { module: OPERATORS, export: name }, inputs, ...rest }
}

export function noop(
  id: string,
  inputs: NonNullable<OperatorNode['inputs']> = {},
  rest: Partial<OperatorNode> = {},
): OperatorNode {
  return { id, kind: 'operator', operator: 'noop', inputs, ...rest }
}

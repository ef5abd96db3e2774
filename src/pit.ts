/** The public face: one open Pit, its six operations and the five clients. */
import type { ArbitrationResult } from '../actors/arbitration-engine/protocol.ts'
import type { PriorityName } from '../actors/arbitration-engine/protocol.ts'
import type { ContentHash } from '../actors/artifact-store/protocol.ts'
import type { ExecutionResult, RunEvent } from '../actors/dag-tracker/protocol.ts'
import { LeaseClient } from '../actors/pool-manager/index.ts'
import { LEASE_REGION, poolManager } from '../actors/pool-manager/protocol.ts'
import type { CleanupResult } from '../actors/stale-manager/protocol.ts'
import type { ActorSystem, CallOptions } from '../runtime/index.ts'
import { createArbitrationClient, type ArbitrationClient, type ArbitrationRequest } from './clients/arbitration.ts'
import {
  createArtifactsClient,
  type ArtifactReference,
  type ArtifactsClient,
  type PutOptions,
} from './clients/artifacts.ts'
import { createModelsClient, type ModelsClient } from './clients/models.ts'
import { createRetentionClient, type CleanupOptions, type RetentionClient } from './clients/retention.ts'
import { createWorkflowsClient, type StartOptions, type WorkflowsClient } from './clients/workflows.ts'
import { resolveConfig, type PitConfig, type ResolvedConfig } from './config.ts'
import { environmentSources, fileSources, type Environment } from './config-sources.ts'
import { openDataDir } from './data-dir.ts'
import { createExecutions } from './execution.ts'
import { createHost } from './host.ts'
import { createModelLease, type ModelLease } from './model-lease.ts'
import { startActors, type StartSystem } from './start-actors.ts'
import type { WorkflowSource } from './workflow-source.ts'

export interface AllocateOptions extends CallOptions {
  /** @default the configured tenant */
  readonly tenant?: string
  /** @default 'normal' */
  readonly priority?: PriorityName
}

export interface ExecuteOptions extends StartOptions, CallOptions {
  /** Called with every event of the run, in order. What it throws ends the call, and the run. */
  readonly onEvent?: (event: RunEvent) => void
}

/** An open Pit. Every call takes `signal` and `deadlineMs`, and fails with a `PitError` that has a stable `code`. */
export interface Pit extends AsyncDisposable {
  /** Absolute, or `:memory:`. */
  readonly dataDir: string
  readonly models: ModelsClient
  readonly workflows: WorkflowsClient
  readonly artifacts: ArtifactsClient
  readonly arbitration: ArbitrationClient
  readonly retention: RetentionClient

  /**
   * A slot of a model, loaded. Release it, or let `using` do so.
   * Errors: `UNKNOWN_MODEL`, `MODEL_LOAD_FAILED`, `LEASE_TIMEOUT`. @default deadlineMs 300_000
   */
  allocateModel(model: string, options?: AllocateOptions): Promise<ModelLease>
  /**
   * Runs a workflow – a definition, its YAML or JSON text, or the path of a file – and resolves when it has ended,
   * with `state` `completed`, `failed` or `cancelled`. When `signal` aborts or `deadlineMs` passes, the run is cancelled
   * and the call rejects (`CANCELLED`, `DEADLINE_EXCEEDED`), unless another call waits for the same run.
   *
   * Errors: `WORKFLOW_INVALID`, `WORKFLOW_NOT_FOUND`, `UNKNOWN_MODEL`, `RUN_ID_TAKEN`, `RUN_INPUT_INVALID`.
   * @default deadlineMs Infinity
   */
  executeWorkflow(workflow: WorkflowSource, options?: ExecuteOptions): Promise<ExecutionResult>
  /** Stores content durably and gives its SHA-256. Errors: `ARTIFACT_TOO_LARGE`, `STORAGE_FULL`. */
  storeArtifact(content: Uint8Array | string, options?: PutOptions & CallOptions): Promise<ContentHash>
  /** The verified content, or null when there is none. Error: `ARTIFACT_CORRUPT`. */
  retrieveArtifact(reference: ArtifactReference, options?: CallOptions): Promise<Uint8Array | null>
  /** A ruling per request, in their order. Deferred ones are waited for with `pit.arbitration.awaitGrant`. */
  arbitrate(requests: readonly ArbitrationRequest[], options?: CallOptions): Promise<ArbitrationResult>
  /** Moves to the trash what the retention policies nominate; `pit.retention.undo` brings it back. */
  runCleanup(options?: CleanupOptions & CallOptions): Promise<CleanupResult>
  /** Drains and stops the actors, then frees the data directory. Unfinished runs go on at the next open. Idempotent. */
  close(): Promise<void>
}

/** Where configuration is looked for besides the object; the defaults suit an application, `false` and `{}` a test. */
export interface OpenOptions {
  /** @default `pit.config.yaml`, `.yml` or `.json` of the working folder, if there is one; `false` for none */
  readonly configFile?: string | false
  /** @default process.env */
  readonly env?: Environment
}

export const Pit = Object.freeze({
  /**
   * Opens a Pit: five supervised actors on one data directory.
   *
   * Configuration comes from the object, then the configuration file, then `PIT_*` variables, the later over the
   * earlier. Errors: `CONFIG_INVALID`, `CONFIG_UNREADABLE`, `DATA_DIR_IN_USE`, `DATA_DIR_READ_ONLY`,
   * `DATA_DIR_NOT_A_FOLDER`, `DATA_DIR_FOREIGN`, `DATA_DIR_FULL`, `DATA_FORMAT_NEWER`.
   *
   * @example
   * ```ts
   * await using pit = await Pit.open({ dataDir: ':memory:' })
   * const hash = await pit.storeArtifact('# Tides\n\nThe moon pulls twice a day.', { contentType: 'text/markdown' })
   * const bytes = await pit.retrieveArtifact(hash)
   * using lease = await pit.allocateModel('language-detector')
   * const { output } = await lease.infer({ text: new TextDecoder().decode(bytes ?? new Uint8Array()) })
   * console.log(output) // { language: 'en', … }
   * ```
   */
  async open(config: PitConfig = {}, options: OpenOptions = {}): Promise<Pit> {
    const env = options.env ?? process.env
    const cwd = process.cwd()
    const files = options.configFile === false ? [] : fileSources(options.configFile, env, cwd)
    const sources = [{ origin: 'object', values: config, baseDir: cwd }, ...files, ...environmentSources(env, cwd)]
    const { pit } = await openPit(resolveConfig(sources).config)
    return pit
  },
})

/** A Pit with the actor system under it: what tests kill actors through. */
export interface OpenedPit {
  readonly pit: Pit
  readonly system: ActorSystem
}

/** Opens a Pit from a configuration that is resolved already. */
export async function openPit(config: ResolvedConfig, start?: StartSystem): Promise<OpenedPit> {
  const dataDir = openDataDir(config.dataDir)
  try {
    const system = await startActors(config, start)
    return { pit: createPit(config, system, () => dataDir.close()), system }
  } catch (error) {
    dataDir.close()
    throw error
  }
}

function createPit(config: ResolvedConfig, system: ActorSystem, freeDataDir: () => void): Pit {
  const host = createHost(config, system)
  const workflows = createWorkflowsClient(host)
  const artifacts = createArtifactsClient(host)
  const arbitration = createArbitrationClient(host)
  const retention = createRetentionClient(host)
  const executeWorkflow = createExecutions(workflows)
  const leases = new LeaseClient({
    pool: host.ref(poolManager),
    region: system.shared(LEASE_REGION),
    incarnation: system.incarnation,
  })

  async function allocateModel(model: string, options: AllocateOptions = {}): Promise<ModelLease> {
    // After `close` the fast path in shared memory would still give a slot of a model that nobody serves.
    host.ref(poolManager)
    const tenant = options.tenant ?? config.tenant
    return createModelLease(host, await leases.acquire(model, { ...options, tenant }), tenant)
  }

  let closing: Promise<void> | null = null
  const close = (): Promise<void> => {
    closing ??= (async () => {
      host.close()
      await system.close().finally(freeDataDir)
    })()
    return closing
  }

  return {
    dataDir: config.dataDir,
    models: createModelsClient(host),
    workflows,
    artifacts,
    arbitration,
    retention,
    allocateModel,
    executeWorkflow,
    storeArtifact: async (content, options) => (await artifacts.put(content, options)).hash,
    retrieveArtifact: (reference, options) => artifacts.get(reference, options),
    arbitrate: (requests, options) => arbitration.arbitrate(requests, options),
    runCleanup: (options) => retention.runCleanup(options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

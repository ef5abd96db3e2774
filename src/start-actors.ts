/** The five actors under one supervisor, each with its part of the configuration. */
import { arbitrationEngineActor } from '../actors/arbitration-engine/index.ts'
import { artifactStoreActor } from '../actors/artifact-store/index.ts'
import { dagTrackerActor } from '../actors/dag-tracker/index.ts'
import { builtinModels, LEASE_REGION, leaseRegionBytes, poolManagerActor } from '../actors/pool-manager/index.ts'
import { staleManagerActor } from '../actors/stale-manager/index.ts'
import {
  childOf,
  isPitError,
  jsonLogger,
  silentLogger,
  startSystem,
  type ActorSystem,
  type ChildSpec,
  type SystemOptions,
} from '../runtime/index.ts'
import { mergeModels, type ResolvedConfig } from './config.ts'

/** Makes a running system of these options: threads, or in tests the caller's own thread. */
export type StartSystem = (options: SystemOptions) => Promise<ActorSystem>

const DAY_MS = 86_400_000

/** Started in this order, stopped in reverse: nobody starts before those it asks, nor stops after them. */
export function childSpecs(config: ResolvedConfig): readonly ChildSpec[] {
  const { dataDir, capacity, tenants, queueMax, grantTtlMs, resume, poolThreads, policies, graceDays, artifacts } =
    config
  const { memoryBudgetBytes, loadedMax, modelsMax, hostThreads } = config
  const models = mergeModels(builtinModels, config.models)
  // As many as can be registered is no limit, and loads need not queue for a place.
  const placesMax = loadedMax < modelsMax ? { loadedMax } : {}
  // At its end an encrypted store writes an image of its index.
  const closing = artifacts.encryption === undefined ? {} : { shutdownMs: 60_000 }
  return [
    childOf(arbitrationEngineActor, { config: { dataDir, capacity, tenants, queueMax, grantTtlMs } }),
    childOf(artifactStoreActor, { config: { dataDir, graceMs: graceDays * DAY_MS, ...artifacts }, ...closing }),
    childOf(poolManagerActor, { config: { dataDir, models, memoryBudgetBytes, modelsMax, hostThreads, ...placesMax } }),
    childOf(dagTrackerActor, { config: { dataDir, resume, poolThreads } }),
    childOf(staleManagerActor, { config: { dataDir, graceDays, ...(policies === null ? {} : { policies }) } }),
  ]
}

export async function startActors(config: ResolvedConfig, start: StartSystem = startSystem): Promise<ActorSystem> {
  try {
    return await start({
      children: childSpecs(config),
      strategy: 'one-for-one',
      shared: { [LEASE_REGION]: leaseRegionBytes(config.modelsMax) },
      logger: config.logLevel === 'silent' ? silentLogger : jsonLogger(config.logLevel),
    })
  } catch (error) {
    throw rootFailure(error)
  }
}

/** Why an actor did not start, when it says so by a code of its own: users match on that, not on who failed. */
function rootFailure(error: unknown): unknown {
  const known = isPitError(error, 'INIT_FAILED') && isPitError(error.cause) && error.cause.code !== 'HANDLER_FAILED'
  return known ? rootFailure(error.cause) : error
}

/** A Pool Manager and the real Arbitration Engine on one thread, with a lease client of the host. */
import { arbitrationEngineActor } from '../../actors/arbitration-engine/index.ts'
import {
  LEASE_REGION,
  LeaseClient,
  leaseRegionBytes,
  modelHost,
  type ModelInfo,
  type ModelSpec,
  poolManager,
  poolManagerActor,
  type PoolManagerConfig,
  type PoolManagerProtocol,
} from '../../actors/pool-manager/index.ts'
import { type ActorDefinition, type ActorRef, type ActorSystem, type Clock, systemClock } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'

const module = new URL('./model-modules.ts', import.meta.url).href

export function echoModel(id: string, settings: Partial<Omit<ModelSpec, 'id' | 'backend'>> = {}): ModelSpec {
  return {
    id,
    backend: { kind: 'module', module, export: 'echo', options: { name: id } },
    memoryBytes: 100,
    ...settings,
  }
}

export interface TestPool extends AsyncDisposable {
  readonly system: ActorSystem
  readonly pool: ActorRef<PoolManagerProtocol>
  readonly client: LeaseClient
  info(model: string): Promise<ModelInfo>
  /** Asks the model through a lease. */
  infer(model: string, text: string, tenant?: string): Promise<{ text: string; name: string }>
}

export interface TestPoolOptions extends Omit<Partial<PoolManagerConfig>, 'models'> {
  readonly modelsMaxInRegion?: number
  /** Actors besides the engine and the pool. */
  readonly others?: readonly (readonly [ActorDefinition, unknown?])[]
  /** @default true */
  readonly engine?: boolean
  readonly clock?: Clock
}

export async function startPool(models: readonly ModelSpec[], options: TestPoolOptions = {}): Promise<TestPool> {
  const { modelsMaxInRegion = 16, others = [], engine = true, clock = systemClock, ...config } = options
  const system = await startInProcess({
    actors: [
      ...(engine ? [[arbitrationEngineActor, { dataDir: ':memory:' }] as const] : []),
      [poolManagerActor, { models, dataDir: ':memory:', ...config }],
      ...others,
    ],
    clock,
    shared: { [LEASE_REGION]: leaseRegionBytes(modelsMaxInRegion) },
  })
  const pool = system.ref(poolManager)
  const client = new LeaseClient({ pool, region: system.shared(LEASE_REGION), incarnation: system.incarnation })
  return {
    system,
    pool,
    client,
    info: (model) => pool.ask.info({ model }),
    async infer(model, text, tenant = 'alice') {
      using lease = await client.acquire(model, { tenant })
      const { output } = await system.ref(modelHost(lease.grant.host)).ask.infer({ model, input: { text } })
      return output as { text: string; name: string }
    },
    [Symbol.asyncDispose]: () => system.close(),
  }
}

/** Waits until it holds, at most five seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never came true: ${holds.toString()}`)
}

/** A clock that runs `factor` times as fast as the real one. */
export function fastClock(factor: number): Clock {
  const start = systemClock.monotonicMs()
  const passed = (): number => (systemClock.monotonicMs() - start) * factor
  return {
    now: () => start + passed(),
    monotonicMs: passed,
    setTimer: (delayMs, fn, options) => systemClock.setTimer(delayMs / factor, fn, options),
  }
}

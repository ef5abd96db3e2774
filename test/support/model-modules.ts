/** Models for tests, as modules. Counters live in `globalThis`, because the modules are imported by URL. */
import type { ModelModule } from '../../actors/pool-manager/index.ts'

export interface ModelLog {
  loads: number
  unloads: number
  infers: number
  /** Loaded now, by the name in the options. */
  readonly loaded: Map<string, number>
  /** While set, loading fails with this message. */
  failLoad: string | null
  /** While set, unloading fails with it. */
  failUnload: string | null
  /** While set, loads wait for it. */
  gate: Promise<void> | null
  /** While set, inferences wait for it. */
  inferGate: Promise<void> | null
}

const KEY = Symbol.for('symphony-pit.test.model-log')

export function modelLog(): ModelLog {
  const holder = globalThis as unknown as Record<symbol, ModelLog | undefined>
  holder[KEY] ??= {
    loads: 0,
    unloads: 0,
    infers: 0,
    loaded: new Map(),
    failLoad: null,
    failUnload: null,
    gate: null,
    inferGate: null,
  }
  return holder[KEY]
}

export function resetModelLog(): void {
  const log = modelLog()
  Object.assign(log, { loads: 0, unloads: 0, infers: 0, failLoad: null, failUnload: null, gate: null, inferGate: null })
  log.loaded.clear()
}

/** Answers with its input and the name it was loaded under. */
export const echo: ModelModule<string> = {
  async load(options) {
    const log = modelLog()
    log.loads++
    await log.gate
    if (log.failLoad !== null) throw new Error(log.failLoad)
    const name = typeof options.name === 'string' ? options.name : 'echo'
    log.loaded.set(name, (log.loaded.get(name) ?? 0) + 1)
    return name
  },
  async infer(name, { input, parameters }) {
    modelLog().infers++
    await modelLog().inferGate
    return { text: textOf(input), input, parameters, name }
  },
  unload(name) {
    const log = modelLog()
    if (log.failUnload !== null) throw new Error(log.failUnload)
    log.unloads++
    log.loaded.set(name, (log.loaded.get(name) ?? 0) - 1)
  },
}

/** Ends its thread when told to; only for real threads. */
export const mortal: ModelModule<null> = {
  load: () => null,
  infer(_, { input }) {
    if (textOf(input) === 'die') process.exit(1)
    return { text: textOf(input) }
  },
}

export const broken: ModelModule<null> = {
  load: () => null,
  infer() {
    throw new Error('it does not work')
  },
}

export const loadless = { infer: () => null }

export const notAModel = 42

function textOf(input: unknown): string {
  return typeof input === 'string' ? input : String((input as { text?: unknown } | null)?.text)
}

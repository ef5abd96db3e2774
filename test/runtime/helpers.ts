/** What tests of systems on threads share. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import { startSystem, type ActorSystem, type SystemOptions } from '../../runtime/index.ts'
import { startOn } from '../../runtime/system.ts'
import { threadTransport } from '../../runtime/transport.ts'

export interface Systems {
  readonly start: (children: SystemOptions['children'], options?: Partial<SystemOptions>) => Promise<ActorSystem>
  /** Restarts without waiting, however many there were. */
  readonly startHasty: Systems['start']
  /** Closes one that was started otherwise. */
  readonly adopt: (system: ActorSystem) => ActorSystem
  /** A file in a folder of its own, gone after the test. */
  readonly tempFile: () => Promise<string>
}

/** Everything opened in a test is closed after it. */
export function useSystems(): Systems {
  const opened: ActorSystem[] = []
  const folders: string[] = []
  afterEach(async () => {
    for (const system of opened.splice(0)) await system.close({ deadlineMs: 1_000 })
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
  })
  async function note(starting: Promise<ActorSystem>): Promise<ActorSystem> {
    const system = await starting
    opened.push(system)
    return system
  }
  return {
    adopt(system) {
      opened.push(system)
      return system
    },
    start: (children, options = {}) => note(startSystem({ children, ...options })),
    startHasty: (children, options = {}) =>
      note(startOn(threadTransport(undefined), { children, ...options }, { backoffMinMs: 1, backoffMaxMs: 1 })),
    async tempFile() {
      const folder = await mkdtemp(join(tmpdir(), 'pit-runtime-'))
      folders.push(folder)
      return join(folder, 'ledger.jsonl')
    },
  }
}

/** Polls until the matcher holds; the limit is far above what a busy machine needs. */
export function eventually<T>(look: () => T | Promise<T>) {
  return expect.poll(look, { timeout: 100_000, interval: 10 })
}

/** The code of the error a promise rejects with. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error: Error & { readonly code?: string }) => error.code ?? error.message,
  )
}

export interface LedgerLine {
  readonly call: string
  readonly key: string
  readonly id?: string
  readonly redelivered?: number
  readonly incarnation?: number
}

export function readLedger(file: string): LedgerLine[] {
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LedgerLine)
  } catch {
    return []
  }
}

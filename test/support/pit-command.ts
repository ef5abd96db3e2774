/** The `pit` command as a user starts it: a process of its own, from source. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { vi } from 'vitest'
import { main } from '../../src/cli/main.ts'

const PIT = resolve(import.meta.dirname, '../../src/cli/pit.ts')

export interface PitOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export interface PitResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it to its end. */
export async function runPit(args: readonly string[], options: PitOptions): Promise<PitResult> {
  const child = startPit(args, options)
  child.stdin!.end(options.input ?? '')
  const [stdout, stderr] = [collect(child.stdout!), collect(child.stderr!)]
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, stdout: stdout(), stderr: stderr() }
}

/**
 * The same without a process of its own: many times faster, for everything that does not depend on one. Changes the
 * working folder of this process meanwhile, so one at a time.
 */
export async function callPit(args: readonly string[], { cwd, env = {} }: PitOptions): Promise<PitResult> {
  const before = process.cwd()
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk: string | Uint8Array, ...rest: unknown[]) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      const done = rest.at(-1)
      if (typeof done === 'function') done()
      return true
    }),
  )
  for (const name of Object.keys(process.env)) if (name.startsWith('PIT_')) vi.stubEnv(name, undefined)
  // As the command itself does for its threads.
  const defaults = { NO_COLOR: '1', NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') }
  for (const [name, value] of Object.entries({ ...defaults, ...env })) vi.stubEnv(name, value)
  process.chdir(cwd)
  try {
    const exitCode = await main(args)
    return { exitCode, ...written }
  } finally {
    process.chdir(before)
    vi.unstubAllEnvs()
    for (const spy of spies) spy.mockRestore()
  }
}

/** Starts it; no variable of the surrounding machine configures it. */
export function startPit(args: readonly string[], { cwd, env = {} }: PitOptions): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PIT_') && name !== 'FORCE_COLOR')
  return spawn(process.execPath, [PIT, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    stdio: 'pipe',
  })
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

/** Models registered at run time, kept in `<dataDir>/pool/models.json` so that the next open knows them. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../runtime/index.ts'
import { type ResolvedModelSpec, resolveModelSpec } from './spec.ts'

const FORMAT_VERSION = 1

/** What is kept. A file that is damaged, or a spec in it that is no longer valid, is left out and logged: never fatal. */
export async function readRegistry(dataDir: string, logger: Logger): Promise<readonly ResolvedModelSpec[]> {
  const path = registryPath(dataDir)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return []
  return parse(text).flatMap((spec) => {
    try {
      return [resolveModelSpec(spec)]
    } catch (error) {
      logger.warn('a registered model is no longer valid', { path, error: String(error) })
      return []
    }
  })
}

/** Replaces the file in one step: a crash leaves the old one or the new one. */
export async function writeRegistry(dataDir: string, specs: readonly ResolvedModelSpec[]): Promise<void> {
  const path = registryPath(dataDir)
  await mkdir(join(dataDir, 'pool'), { recursive: true })
  const models = specs.map(({ keepAliveMs, ...spec }) =>
    Number.isFinite(keepAliveMs) ? { ...spec, keepAliveMs } : { ...spec, keepAliveMs: Number.MAX_SAFE_INTEGER },
  )
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify({ version: FORMAT_VERSION, models }, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

function registryPath(dataDir: string): string {
  return join(dataDir, 'pool', 'models.json')
}

function parse(text: string): readonly unknown[] {
  try {
    const content: unknown = JSON.parse(text)
    const { models } = content as { models?: unknown }
    return Array.isArray(models) ? models : []
  } catch {
    return []
  }
}

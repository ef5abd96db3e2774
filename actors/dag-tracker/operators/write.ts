/** `write`: a text file below the roots, whole or not at all (a new file is renamed into place). */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sha256Hex } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'
import type { Operator } from './operator.ts'
import { resolveNew } from './roots.ts'

export const write: Operator = {
  name: 'write',
  description: 'Writes a text file, making its folders; running it again writes the same file again',
  version: '1',
  pure: false,
  on: 'inline',
  inputs: {
    path: { type: 'string', description: 'Absolute, or relative to the first allowed folder' },
    text: { type: 'string' },
    overwrite: {
      type: 'boolean',
      default: true,
      description: 'Otherwise an existing file of other content is an error',
    },
  },
  outputs: { path: 'string', sizeBytes: 'number', sha256: 'string' },
  async run(inputs, ctx) {
    const given = inputs.path as string
    const content = Buffer.from(inputs.text as string, 'utf8')
    const path = await resolveNew(given, ctx.roots)
    const existing = await stat(path).catch(() => null)
    if (existing?.isDirectory() === true)
      throw dagErrors.fail('FILE_WRITE_FAILED', { path: given, reason: 'it is a folder' })
    if (existing !== null && inputs.overwrite === false) {
      // The same content is what an earlier attempt of this node left behind.
      if (!content.equals(await readFile(path))) throw dagErrors.fail('FILE_EXISTS', { path: given })
      return output(path, content)
    }
    // Named by the key, so that a repetition after a crash replaces its own leftover instead of adding one.
    const temporary = join(dirname(path), `.${basename(path)}.${sha256Hex(ctx.idempotencyKey).slice(0, 12)}.tmp`)
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeSynced(temporary, content)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      const reason = (error as Error).message
      throw dagErrors.fail('FILE_WRITE_FAILED', { path: given, reason }, { cause: error })
    }
    return output(path, content)
  },
}

function output(path: string, content: Buffer): { path: string; sizeBytes: number; sha256: string } {
  return { path, sizeBytes: content.byteLength, sha256: sha256Hex(content) }
}

async function writeSynced(path: string, content: Buffer): Promise<void> {
  await using file = await open(path, 'w', 0o644)
  await file.writeFile(content)
  await file.sync()
}

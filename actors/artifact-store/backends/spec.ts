/** Which backend, as configuration says it. */
import { choiceOption, invalidOption, own, refuseUnknown, stringOption } from '../../../runtime/index.ts'
import type { StorageBackend } from './backend.ts'
import { openFileSystemBackend } from './file-system.ts'
import { createMemoryBackend } from './memory.ts'

/** `memory` lasts as long as its actor. */
export type BackendSpec = { readonly kind: 'file-system'; readonly dir: string } | { readonly kind: 'memory' }

/** Errors: `INVALID_OPTION`, naming the key below `key`. */
export function resolveBackendSpec(value: unknown, key: string): BackendSpec {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidOption(key, 'a storage backend such as { kind: file-system, dir: … }', value)
  }
  const prefixed = Object.fromEntries(Object.entries(value).map(([name, each]) => [`${key}.${name}`, each as unknown]))
  if (own(value, 'kind') === undefined) throw invalidOption(`${key}.kind`, 'file-system or memory', undefined)
  const kind = choiceOption(prefixed, `${key}.kind`, 'memory', ['file-system', 'memory'])
  refuseUnknown(value, kind === 'memory' ? ['kind'] : ['kind', 'dir'], `${key}.`)
  if (kind === 'memory') return Object.freeze({ kind })
  if (own(value, 'dir') === undefined) throw invalidOption(`${key}.dir`, 'a folder', undefined)
  return Object.freeze({ kind, dir: stringOption(prefixed, `${key}.dir`, '') })
}

export async function openBackend(spec: BackendSpec): Promise<StorageBackend> {
  return spec.kind === 'memory' ? createMemoryBackend() : openFileSystemBackend({ dir: spec.dir })
}

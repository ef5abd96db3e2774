/**
 * Which model host a model lives on. A function of the model alone, so that a restarted pool finds everything again.
 *
 *   1 … hostThreads         built-in instruments, spread over them
 *   hostThreads + 1         every model behind HTTP: that thread only waits for sockets
 *   hostThreads + 2 + row   each user module, alone: its crash or endless loop harms nobody else
 */
import { isBuiltin } from './spec.ts'
import type { BackendSpec } from './protocol.ts'

export function hostNumber(backend: BackendSpec, modelIndex: number, hostThreads: number): number {
  if (backend.kind === 'openai-http') return hostThreads + 1
  return isBuiltin(backend) ? 1 + (modelIndex % hostThreads) : hostThreads + 2 + modelIndex
}

/** A host of one model ends with its residency: then its memory is surely back. */
export function isOwnHost(backend: BackendSpec): boolean {
  return backend.kind === 'module' && !isBuiltin(backend)
}

export function hostName(number: number): string {
  return `model-host-${number}`
}

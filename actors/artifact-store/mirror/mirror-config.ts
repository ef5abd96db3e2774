/** The mirror that a store is configured with. */
import { invalidOption, type ActorContext } from '../../../runtime/index.ts'
import { openBackend, resolveBackendSpec, type BackendSpec, type StorageBackend } from '../backends/index.ts'
import { storageOf, type State } from '../state.ts'
import { createMirror, type Mirror } from './mirror.ts'

export interface MirrorConfig {
  /**
   * Where a second copy of all content is kept: made in the background, and what damaged content is repaired from. Not for
   * an encrypted store.
   *
   * @default none
   */
  readonly mirror?: BackendSpec
  /** Stands in for the mirror's backend (tests, same thread only). */
  readonly mirrorBackend?: () => Promise<StorageBackend>
}

/** Null when there is none. Error: `INVALID_OPTION`. */
export function configuredMirror(
  config: MirrorConfig & { readonly encryption?: unknown },
): ((state: () => State, ctx: ActorContext) => Mirror) | null {
  const place = placeOf(config)
  if (place === null) return null
  return (state, ctx) =>
    createMirror({
      ...place,
      storage: () => storageOf(state()),
      current: () => state().storage,
      noted: () => state().tending.poke(),
      ctx,
    })
}

function placeOf({ mirror, mirrorBackend, encryption }: MirrorConfig & { readonly encryption?: unknown }): {
  readonly open: () => Promise<StorageBackend>
  readonly location: string
} | null {
  if (mirrorBackend !== undefined) return { open: mirrorBackend, location: 'given' }
  if (mirror === undefined) return null
  const spec = resolveBackendSpec(mirror, 'mirror')
  if (encryption !== undefined) {
    throw invalidOption('mirror', 'none for an encrypted store: its copies would be in clear', mirror)
  }
  return { open: () => openBackend(spec), location: spec.kind === 'memory' ? 'memory' : spec.dir }
}

/** What the clients of an open Pit share: its actors, its configuration and whether it is still open. */
import type { ActorKey, ActorRef, ActorSystem, AnyProtocol } from '../runtime/index.ts'
import type { ResolvedConfig } from './config.ts'
import { hostErrors } from './errors.ts'

export interface Host {
  readonly config: ResolvedConfig
  readonly system: ActorSystem
  /** A ref to an actor; `PIT_CLOSED` after `close`. */
  ref<P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P>
  close(): void
}

export function createHost(config: ResolvedConfig, system: ActorSystem): Host {
  const refs = new Map<string, unknown>()
  let closed = false
  return {
    config,
    system,
    ref<P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P> {
      if (closed) throw hostErrors.fail('PIT_CLOSED')
      const known = refs.get(key.name) as ActorRef<P> | undefined
      if (known !== undefined) return known
      const ref = system.ref(key)
      refs.set(key.name, ref)
      return ref
    },
    close() {
      closed = true
    },
  }
}

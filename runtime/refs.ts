/** Typed refs: objects whose every property is a call of that name. */
import type { ActorKey, ActorRef, AnyProtocol, CallOptions, StreamOptions, TellOptions } from './define-actor.ts'

/** How a ref sends; an endpoint is one. */
export interface Sender {
  ask(to: string, call: string, arg: unknown, options?: CallOptions): Promise<unknown>
  tell(to: string, call: string, arg: unknown, options?: TellOptions): void
  stream(to: string, call: string, arg: unknown, options?: StreamOptions): AsyncIterableIterator<unknown>
}

export function createRef<P extends AnyProtocol>(sender: Sender, key: ActorKey<P>): ActorRef<P> {
  const { name } = key
  const ask = byName((call) => (arg, options) => sender.ask(name, call, arg, options))
  const tell = byName((call) => (arg, options) => sender.tell(name, call, arg, options))
  const stream = byName((call) => (arg, options) => sender.stream(name, call, arg, options))
  return Object.freeze({ name, ask, tell, stream }) as unknown as ActorRef<P>
}

/** Refs by name, made once each: behaviours ask for them with every message. */
export function createRefs(sender: Sender): <P extends AnyProtocol>(key: ActorKey<P>) => ActorRef<P> {
  const refs = new Map<string, ActorRef<AnyProtocol>>()
  return <P extends AnyProtocol>(key: ActorKey<P>): ActorRef<P> => {
    let ref = refs.get(key.name)
    if (ref === undefined) refs.set(key.name, (ref = createRef<AnyProtocol>(sender, { name: key.name })))
    return ref as unknown as ActorRef<P>
  }
}

type Method = (arg: unknown, options?: CallOptions) => unknown

/** `then` is not a call, so that a ref can be awaited or returned from an async function. */
function byName(make: (call: string) => Method): object {
  const made = new Map<string, Method>()
  return new Proxy(Object.create(null) as object, {
    get(_, call) {
      if (typeof call !== 'string' || call === 'then') return undefined
      let method = made.get(call)
      if (method === undefined) made.set(call, (method = make(call)))
      return method
    },
  })
}

/** Lives of actors as events (diagnostics.ts), on the host's thread. */
import type { Child } from './child.ts'
import { events, type ActorEvent } from './diagnostics.ts'
import type { ExitReason } from './define-actor.ts'

const EVENT_OF = {
  starting: 'actor-starting',
  running: 'actor-ready',
  stopping: 'actor-stopping',
  stopped: 'actor-stopped',
  restarting: 'actor-restarting',
  failed: 'actor-failed',
} as const satisfies Record<Child['status'], keyof typeof events>

const eventOf = ({ spec, incarnation }: Child): ActorEvent => ({ actor: spec.name, incarnation })

export function publishStatus(child: Child, status: Child['status']): void {
  const channel = events[EVENT_OF[status]]
  if (channel.hasSubscribers) channel.publish(eventOf(child))
}

export function publishCrash(child: Child, reason: ExitReason): void {
  if (events['actor-crashed'].hasSubscribers) events['actor-crashed'].publish({ ...eventOf(child), reason })
}

export function publishDecision(child: Child, verdict: string): void {
  if (events['supervisor-decision'].hasSubscribers)
    events['supervisor-decision'].publish({ ...eventOf(child), verdict })
}

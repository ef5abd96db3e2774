/**
 * What supervisors decide: whom to start, restart and stop, and when to give up. Pure, after Erlang's `supervisor`, with
 * back-off added. Every supervisor of the tree (supervision-tree.ts) decides about its own children:
 *
 *   one-for-one   restart the child that ended
 *   rest-for-one  stop those started after it, restart it and them in order
 *   one-for-all   stop all others, restart all in order
 *
 *   permanent     always restarted
 *   transient     restarted when it crashed or hung
 *   temporary     never restarted, also when a sibling's end took it along
 *
 * More than `restartsMax` restarts within `restartPeriodMs` end a supervisor's children, in reverse order, and the
 * supervisor itself: an abnormal end, about which its parent decides as about any child's (escalation); the root's end is
 * the system's. When significant children end and are not restarted, a supervisor with `autoShutdown` ends normally.
 * A supervisor that is restarted starts all its children and forgets what it had counted.
 *
 * Where this is not Erlang's: there, a supervisor that gives up ends with reason `shutdown`, which its parent takes for a
 * normal end when it is transient; here a failure never passes for a normal end. Dynamic children belong to the root, are
 * restarted one for one and counted each for itself: a child of a user's making that cannot live is given up alone. The
 * first restart is immediate, each further one waits twice as long, with full jitter, until a child has lived for `resetMs`.
 */
import type { Random } from './common/random.ts'
import type { RestartPolicy } from './define-actor.ts'
import {
  changed,
  felled,
  leaves,
  renewed,
  supervisorOf,
  withDynamic,
  without,
  type ActorNode,
  type Node,
  type SupervisorNode,
  type Tree,
} from './supervision-tree.ts'

export interface BackoffLimits {
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  readonly resetMs: number
}

export const BACKOFF_DEFAULTS: BackoffLimits = Object.freeze({
  backoffMinMs: 50,
  backoffMaxMs: 5_000,
  resetMs: 10_000,
})

export type SupervisionEvent =
  /** A dynamic child. */
  | { readonly kind: 'added'; readonly name: string; readonly restart: RestartPolicy }
  /** Ended by itself, or did not start; `abnormal` unless it stopped in order. */
  | { readonly kind: 'ended'; readonly name: string; readonly abnormal: boolean }
  /** Stopped on request. */
  | { readonly kind: 'removed'; readonly name: string }

export type Verdict =
  | { readonly kind: 'none' }
  /** Stop these in this order, wait, then start those in that order; who is in both is restarted. */
  | {
      readonly kind: 'restart'
      readonly stop: readonly string[]
      readonly start: readonly string[]
      readonly delayMs: number
      /** Whose strategy it is: what cannot be started is the end of that supervisor's child (`memberOf`). */
      readonly supervisor: string
      readonly reason: string
    }
  /** The child that ended is over; so are those in `stop`, to be stopped in this order. */
  | { readonly kind: 'give-up'; readonly stop: readonly string[]; readonly reason: string }
  /** The root has shut itself down: close the system in order. */
  | { readonly kind: 'shutdown'; readonly reason: string }
  /** The root has failed: the system is over. */
  | { readonly kind: 'escalate'; readonly reason: string }

export interface Decision {
  readonly tree: Tree
  readonly verdict: Verdict
}

const NONE: Verdict = { kind: 'none' }

export function supervise(
  tree: Tree,
  event: SupervisionEvent,
  now: number,
  limits: BackoffLimits,
  random: Random,
): Decision {
  const node = tree.get(event.name)
  switch (event.kind) {
    case 'added':
      return { tree: withDynamic(tree, event.name, event.restart), verdict: NONE }
    case 'removed':
      if (node?.kind === 'actor' && node.dynamic) return { tree: without(tree, event.name), verdict: NONE }
      return { tree: felled(tree, event.name), verdict: NONE }
    case 'ended':
      if (node === undefined || !node.up) return { tree, verdict: NONE }
      return createJudge(event.name, now, limits, random).end(tree, node, event.abnormal, [])
  }
}

interface Judge {
  /** A child has ended; `stopped` are those that its own supervisors have stopped already. */
  end(tree: Tree, node: Node, abnormal: boolean, stopped: readonly string[]): Decision
}

function createJudge(ended: string, now: number, limits: BackoffLimits, random: Random): Judge {
  function end(tree: Tree, node: Node, abnormal: boolean, stopped: readonly string[]): Decision {
    const parent = supervisorOf(tree, node)
    if (parent === undefined) throw new Error(`${node.name} is below a supervisor`)
    if (isRestarted(node.restart, abnormal)) {
      return node.kind === 'actor' && node.dynamic
        ? restartDynamic(tree, node, parent)
        : restart(tree, node, parent, stopped)
    }
    const fallen = node.kind === 'actor' && node.dynamic ? without(tree, node.name) : felled(tree, node.name)
    const how = abnormal ? 'abnormally' : 'in order'
    const reason = `${node.restart} ${node.kind} ${node.name} ended ${how}`
    if (shutsDown(fallen, parent, node)) return shutDown(fallen, parent, stopped, reason)
    return { tree: fallen, verdict: { kind: 'give-up', stop: stopped, reason } }
  }

  function restart(tree: Tree, node: Node, parent: SupervisorNode, stopped: readonly string[]): Decision {
    const childRestartsAt = [...recent(parent.childRestartsAt, now, parent), now]
    if (childRestartsAt.length > parent.restartsMax) {
      return collapse(tree, parent, stopped, `${node.name}: ${tooMany(parent)}`)
    }
    const group = groupOf(parent, node)
    const counted = changed(tree, parent.name, { childRestartsAt })
    const { tree: renewedTree, start, streak } = renewGroup(counted, node, group)
    const stop = [...stopped, ...toStop(tree, group, stopped)]
    const reason = `${parent.strategy} restart of ${node.name}`
    return {
      tree: renewedTree,
      verdict: {
        kind: 'restart',
        stop,
        start,
        delayMs: backoffMs(streak, limits, random),
        supervisor: parent.name,
        reason,
      },
    }
  }

  /** The group starts anew, but for temporary children: they are over. */
  function renewGroup(tree: Tree, node: Node, group: readonly string[]) {
    const streak = nextStreak(node, now, limits)
    const staying = group.filter((name) => name === node.name || tree.get(name)?.restart !== 'temporary')
    let next = group.filter((name) => !staying.includes(name)).reduce(felled, tree)
    next = staying.reduce(renewed, next)
    next = changed(next, node.name, { streak, restartedAt: [now] })
    return { tree: next, start: leaves(next, staying), streak }
  }

  function restartDynamic(tree: Tree, node: ActorNode, parent: SupervisorNode): Decision {
    const restartedAt = [...recent(node.restartedAt, now, parent), now]
    if (restartedAt.length > parent.restartsMax) {
      return { tree: without(tree, node.name), verdict: { kind: 'give-up', stop: [], reason: tooMany(parent) } }
    }
    const streak = nextStreak(node, now, limits)
    const delayMs = backoffMs(streak, limits, random)
    const reason = `restart of the dynamic child ${node.name}`
    return {
      tree: changed(tree, node.name, { streak, restartedAt }),
      verdict: { kind: 'restart', stop: [], start: [node.name], delayMs, supervisor: parent.name, reason },
    }
  }

  /** A supervisor that has failed stops what is left of its children and ends abnormally. */
  function collapse(tree: Tree, supervisor: SupervisorNode, stopped: readonly string[], reason: string): Decision {
    if (supervisor.parent === null) return { tree, verdict: { kind: 'escalate', reason } }
    return end(tree, supervisor, true, [...stopped, ...toStop(tree, supervisor.children, stopped)])
  }

  function shutDown(tree: Tree, supervisor: SupervisorNode, stopped: readonly string[], reason: string): Decision {
    if (supervisor.parent === null) return { tree, verdict: { kind: 'shutdown', reason } }
    return end(tree, supervisor, false, [...stopped, ...toStop(tree, supervisor.children, stopped)])
  }

  /** Who of them is to be stopped, in reverse order of the start. */
  function toStop(tree: Tree, names: readonly string[], stopped: readonly string[]): readonly string[] {
    return leaves(tree, names)
      .filter((name) => name !== ended && !stopped.includes(name) && tree.get(name)?.up === true)
      .toReversed()
  }

  return { end }
}

function isRestarted(policy: RestartPolicy, abnormal: boolean): boolean {
  return policy === 'permanent' || (policy === 'transient' && abnormal)
}

/** Whether the end of this child, which is not restarted, ends its supervisor. */
function shutsDown(tree: Tree, supervisor: SupervisorNode, { significant }: Node): boolean {
  if (!significant) return false
  switch (supervisor.autoShutdown) {
    case 'never':
      return false
    case 'any-significant':
      return true
    case 'all-significant':
      return !supervisor.children.some((name) => tree.get(name)?.significant === true && tree.get(name)?.up === true)
  }
}

function groupOf({ strategy, children }: SupervisorNode, { name }: Node): readonly string[] {
  switch (strategy) {
    case 'one-for-one':
      return [name]
    case 'one-for-all':
      return children
    case 'rest-for-one':
      return children.slice(children.indexOf(name))
  }
}

const tooMany = ({ restartsMax, restartPeriodMs }: SupervisorNode): string =>
  `more than ${restartsMax} restarts within ${restartPeriodMs} ms`

function nextStreak({ streak, restartedAt }: Node, now: number, { resetMs }: BackoffLimits): number {
  const last = restartedAt.at(-1)
  return last !== undefined && now - last < resetMs ? streak + 1 : 0
}

/** 0, then between 0 and min·2ⁿ (full jitter, so that children that died together do not come back together). */
export function backoffMs(streak: number, limits: BackoffLimits, random: Random): number {
  if (streak === 0) return 0
  return Math.round(Math.min(limits.backoffMaxMs, limits.backoffMinMs * 2 ** (streak - 1)) * random.next())
}

function recent(times: readonly number[], now: number, { restartPeriodMs }: SupervisorNode): readonly number[] {
  return times.filter((at) => now - at < restartPeriodMs)
}

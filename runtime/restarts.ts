/**
 * Carries out restarts and stops: of one child, of a group, of a supervisor with everything below it.
 *
 * I1. A restart supersedes the ones before it, of the children that it covers: each start looks whether it is still the
 *     last word, and the stop before it waits for starts that are under way. So restarts need no order among them.
 * I2. Children that are to be stopped with a group are marked at once: an end of theirs is none to decide about.
 */
import { BOARD_WORD } from './board.ts'
import { isOver, setStatus, type Child } from './child.ts'
import { shutdownMsOf } from './child-spec.ts'
import { sleep, type Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import { describe } from './common/errors.ts'
import type { ExitReason } from './define-actor.ts'
import type { Lives } from './lives.ts'
import type { Roster } from './roster.ts'
import type { Verdict } from './supervision.ts'

export interface RestartsOptions {
  readonly roster: Roster
  readonly lives: Lives
  readonly clock: Clock
  readonly logger: Logger
  /** Whether the system takes part in life still: not when it closes or has failed. */
  readonly open: () => boolean
  readonly announce: (child: Child, reason: ExitReason, restarting: boolean) => void
  readonly forget: (child: Child) => void
  /** A child could not be started in a restart by the strategy of that supervisor. */
  readonly onStartFailed: (child: Child, supervisor: string, error: unknown) => void
}

export interface Restarts {
  restart(verdict: Restart): Promise<void>
  /** Stops these, one after the other; those that are also to be started keep what is theirs. */
  haltAll(names: readonly string[], restarted?: readonly string[]): Promise<void>
  /** Stops a child in order, by force after `deadlineMs`; for good, unless it is restarted. */
  halt(child: Child, deadlineMs: number, restarting: boolean): Promise<void>
}

export type Restart = Verdict & { readonly kind: 'restart' }

const STOPPED: ExitReason = { kind: 'stopped' }

export function createRestarts(options: RestartsOptions): Restarts {
  const { roster, lives, clock, logger, announce, forget } = options
  const { children } = roster

  async function restart({ stop, start, delayMs, supervisor }: Restart): Promise<void> {
    const token = {}
    for (const name of start) claim(name, token)
    await haltAll(stop, start)
    if (delayMs > 0) await sleep(clock, delayMs)
    const claimed = (name: string): Child | undefined => {
      const child = children.get(name)
      return child?.restart === token && child.status === 'restarting' && options.open() ? child : undefined
    }
    for (const name of start) {
      // What a zombie may still write to is not given to another life (zombies.ts, I1).
      await children.get(name)?.zombie
      const child = claimed(name)
      if (child === undefined) continue
      try {
        child.slot.add(BOARD_WORD.Restarts, 1)
        await lives.bringUp(child)
      } catch (error) {
        logger.error('restart failed', { actor: name, error: describe(error) })
        if (claimed(name) === undefined) continue
        // What comes after it in the group is part of the next verdict.
        return options.onStartFailed(child, supervisor, error)
      }
    }
  }

  function claim(name: string, token: object): void {
    let child = children.get(name)
    if (child === undefined) return
    if (isOver(child)) {
      child = roster.revive(child)
      setStatus(child, 'restarting')
    }
    child.restart = token
  }

  async function haltAll(names: readonly string[], restarted: readonly string[] = []): Promise<void> {
    const halted = names.flatMap((name) => children.get(name) ?? []).filter((child) => !isOver(child))
    // (I2)
    for (const child of halted) if (child.status === 'running') setStatus(child, 'stopping')
    for (const child of halted) await halt(child, shutdownMsOf(child.spec), restarted.includes(child.spec.name))
  }

  async function halt(child: Child, deadlineMs: number, restarting: boolean): Promise<void> {
    // Only its next life waits for a start that is to be stopped before it is done (I1).
    if (child.coming !== undefined) {
      if (!restarting) setStatus(child, 'stopping')
      await lives.terminate(child)
      await child.coming
    }
    const living = child.worker !== undefined && child.zombie === undefined
    if (living) await (child.halting ??= lives.stop(child, deadlineMs).finally(() => (child.halting = undefined)))
    if (isOver(child)) return
    setStatus(child, restarting ? 'restarting' : 'stopped')
    if (living || !restarting) announce(child, STOPPED, restarting)
    if (!restarting) forget(child)
  }

  return { restart, haltAll, halt }
}

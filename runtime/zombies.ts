/**
 * Threads that were ended and do not end: they are inside native code, which nothing can interrupt.
 *
 * I1. A zombie is never shared with: the next incarnation of its actor starts when its thread has ended, because it could
 *     still write to its rings and its held table when the native code returns.
 * I2. It does not hold up the process: Node joins every thread when a process ends, so while there are zombies the process
 *     is replaced at its end by one that does nothing but exit with the same code.
 */
import { existsSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import type { Zombie } from './actor-system.ts'
import type { Clock } from './common/clock.ts'
import type { Logger } from './common/logger.ts'
import { events } from './diagnostics.ts'

export interface Zombies {
  /** Notes a thread that has not ended in time; forgets it by itself when it ends. */
  add(name: string, incarnation: number, exited: Promise<unknown>): void
  list(): readonly Zombie[]
}

export function createZombies(clock: Clock, logger: Logger): Zombies {
  const zombies = new Set<Zombie>()
  return {
    add(name, incarnation, exited) {
      const zombie: Zombie = Object.freeze({ name, incarnation, sinceMs: clock.now() })
      zombies.add(zombie)
      logger.error('zombie: the thread does not end', { actor: name, incarnation })
      if (events['actor-zombie'].hasSubscribers) events['actor-zombie'].publish({ actor: name, incarnation })
      const release = holdProcessExit()
      void exited.then(() => {
        zombies.delete(zombie)
        release()
        logger.warn('the zombie has ended', { actor: name, incarnation })
      })
    },
    list: () => [...zombies],
  }
}

const SHELL = '/bin/sh'
let living = 0

/** From the first zombie to the end of the last one the process leaves without joining its threads (I2). */
function holdProcessExit(): () => void {
  if (!isMainThread) return () => {}
  if (living++ === 0) process.on('exit', leave)
  return () => {
    if (--living === 0) process.off('exit', leave)
  }
}

function leave(code: number): void {
  // No call of Node ends a process without joining its threads, but the kernel drops them when the program is replaced.
  if (typeof process.execve === 'function' && process.platform !== 'win32' && existsSync(SHELL)) {
    try {
      process.execve(SHELL, ['sh', '-c', `exit ${code & 0xff}`], {})
    } catch {
      // Not permitted: then the code is lost.
    }
  }
  process.kill(process.pid, 'SIGKILL')
}

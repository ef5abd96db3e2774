/** SIGINT and SIGTERM: the first asks the command to stop in an orderly way, the second ends the process at once. */
import { hostErrors } from '../errors.ts'
import { ExitCode } from './exit-codes.ts'
import { lastWord } from './output.ts'

export interface Interrupts {
  readonly signal: AbortSignal
  stop(): void
}

export function watchInterrupts(): Interrupts {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      lastWord('stopped; unfinished runs can be resumed: pit resume')
      process.exit(ExitCode.Interrupted)
    }
    controller.abort(hostErrors.fail('INTERRUPTED', { next: 'nothing was left unfinished' }))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    stop() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

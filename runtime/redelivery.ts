/** Whether a message that was interrupted by its actor's death runs again. */

/** Crashes in the turn of one message after which it is not delivered again. Fewer than a system's restarts. */
export const POISON_CRASHES = 3

export type Redelivery = 'again' | 'restarted' | 'poison'

/** `crashes` are those that this message is to blame for, the last one included. */
export function redelivery(redeliver: boolean, crashes: number): Redelivery {
  if (crashes >= POISON_CRASHES) return 'poison'
  return redeliver ? 'again' : 'restarted'
}

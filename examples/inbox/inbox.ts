/** An actor that keeps letters in a log: what it has confirmed survives its crash, and the machine's. */
import { actorFrom } from '../../runtime/index.ts'
import { openLog, type Log } from '../../runtime/persistence/index.ts'

export interface Letter {
  /** Chosen by the sender: the same letter sent twice is kept once. */
  readonly key: string
  readonly text: string
}

interface State {
  readonly log: Log
  readonly letters: Map<string, string>
}

export const inbox = actorFrom({
  name: 'inbox',
  module: import.meta.url,
  /** Runs again after a crash: what the log holds is what was confirmed. */
  init({ dir }: { readonly dir: string }): State {
    const log = openLog({ dir })
    const letters = new Map<string, string>()
    for (const { payload } of log.read(log.start)) {
      const { key, text } = JSON.parse(new TextDecoder().decode(payload)) as Letter
      letters.set(key, text)
    }
    return { log, letters }
  },
  handlers: {
    add: {
      // When the actor dies in the middle, the next life is given the message again: the key makes that harmless.
      redeliver: true,
      async run({ log, letters }: State, letter: Letter) {
        if (!letters.has(letter.key)) {
          log.append(new TextEncoder().encode(JSON.stringify(letter)))
          letters.set(letter.key, letter.text)
        }
        // Everybody who waits here shares one sync of the disk.
        await log.commit()
        return letters.size
      },
    },
    /** A stream: runs no further ahead of its reader than the reader allows. */
    *list({ letters }: State): Generator<string> {
      yield* letters.values()
    },
  },
  terminate: ({ log }: State) => log.close(),
})

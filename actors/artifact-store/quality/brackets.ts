/** Whether brackets close, outside strings and comments: what can be said of code without its language. */

export interface Brackets {
  readonly pairs: number
  /** Closing ones that close nothing, or the wrong one. */
  readonly wrong: number
  /** Opening ones that nothing closes. */
  readonly open: number
}

/** What is passed over: from a beginning to its end. Strings in single or double quotes end with their line. */
const SKIPPED = {
  json: [['"', '"']],
  slash: [
    ['//', '\n'],
    ['/*', '*/'],
    ['"', '"'],
    ["'", "'"],
    ['`', '`'],
  ],
  hash: [
    ['#', '\n'],
    ['"""', '"""'],
    ["'''", "'''"],
    ['"', '"'],
    ["'", "'"],
  ],
} as const satisfies Record<string, readonly (readonly [from: string, to: string])[]>

const PARTNER: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** One pass: the time it takes grows with the text, whatever is in it. */
export function bracketsOf(text: string, kind: keyof typeof SKIPPED): Brackets {
  const open: string[] = []
  let pairs = 0
  let wrong = 0
  for (let at = 0; at < text.length; at++) {
    const skipped = SKIPPED[kind].find(([from]) => text.startsWith(from, at))
    if (skipped !== undefined) {
      at = skippedTo(text, at, skipped)
      continue
    }
    const char = text[at]!
    if (char === '(' || char === '[' || char === '{') open.push(char)
    else if (Object.hasOwn(PARTNER, char)) {
      if (open.at(-1) === PARTNER[char]) {
        open.pop()
        pairs++
      } else wrong++
    }
  }
  return { pairs, wrong, open: open.length }
}

/** The place of its last character. */
function skippedTo(text: string, at: number, [from, to]: readonly [string, string]): number {
  const isString = from === to
  const endsWithLine = isString && from.length === 1 && from !== '`'
  for (let place = at + from.length; place < text.length; place++) {
    if (isString && text[place] === '\\') place++
    else if (text.startsWith(to, place)) return place + to.length - 1
    else if (endsWithLine && text[place] === '\n') return place
  }
  return text.length
}

/** The little of Markdown's block structure that operators need: headings, and what is code and so has none. */

/** Feed it every line in order; true for lines that open, close or are inside of a fenced code block. */
export function createFences(): (line: string) => boolean {
  let open: string | null = null
  return (line) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (open === null) {
      open = mark ?? null
      return mark !== undefined
    }
    if (mark?.startsWith(open) === true) open = null
    return true
  }
}

/** `## Title ##` → level 2, `Title`; null for any other line. */
export function headingOf(line: string): { readonly level: number; readonly heading: string } | null {
  const level = /^(#{1,6})(?:\s|$)/.exec(line)?.[1]?.length
  if (level === undefined) return null
  const words = line.slice(level).trim().split(/\s+/)
  const closed = words.length > 1 && /^#+$/.test(words.at(-1)!)
  return { level, heading: words.slice(0, closed ? -1 : words.length).join(' ') }
}

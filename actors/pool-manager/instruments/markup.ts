/**
 * Prose out of markup: what a person would read aloud from a Markdown (or plain) text.
 *
 * Gone: front matter, code fences, tables, HTML tags and comments, images, link targets, bare addresses, footnote
 * marks. Kept: the words of headings, paragraphs and list items, each as a block with its white space collapsed.
 * Line by line with bounded patterns, so the time is linear in the text whatever the text is.
 */

export type BlockKind = 'heading' | 'paragraph' | 'item'

export interface ProseBlock {
  readonly kind: BlockKind
  /** One line, without markup. Never empty. */
  readonly text: string
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/
const HEADING = /^ {0,3}#{1,6}(?:[ \t]|$)/
const SETEXT = /^ {0,3}(?:=+|-+)[ \t]*$/
const ITEM = /^[ \t]*(?:[-*+•]|\d{1,4}[.)])[ \t]+/
const RULE = /^ {0,3}(?:[-*_=~][ \t]*){3,}$/
const TABLE_ROW = /^[ \t]*\||\|[^|]*\|/
const LINK_DEFINITION = /^ {0,3}\[[^\]]{1,500}\]:[ \t]/
const FRONT_MATTER_LINES_MAX = 400

/** The blocks of prose of `text`, in order. */
export function proseBlocks(text: string): readonly ProseBlock[] {
  const lines = withoutComments(text.toWellFormed()).split(/\r\n?|\n/)
  const blocks: ProseBlock[] = []
  let open: string[] = []
  let openKind: BlockKind = 'paragraph'
  let fence: string | null = null

  const close = (kind: BlockKind = openKind): void => {
    const prose = inlineProse(open.join(' '))
    if (prose !== '')
      blocks.push({ kind: kind === 'paragraph' && isTitle(open, prose) ? 'heading' : kind, text: prose })
    open = []
    openKind = 'paragraph'
  }

  for (let i = frontMatterEnd(lines); i < lines.length; i++) {
    const line = lines[i]!
    const mark = FENCE.exec(line)?.[1]
    if (fence !== null) {
      if (mark !== undefined && mark.startsWith(fence) && line.trim() === mark) fence = null
    } else if (mark !== undefined) {
      close()
      fence = mark
    } else if (line.trim() === '') close()
    else if (SETEXT.test(line) && open.length === 1 && openKind === 'paragraph') close('heading')
    else if (RULE.test(line) || TABLE_ROW.test(line) || LINK_DEFINITION.test(line)) close()
    else if (HEADING.test(line)) {
      close()
      open.push(headingText(line) ?? '')
      close('heading')
    } else if (ITEM.test(line)) {
      close()
      openKind = 'item'
      open.push(line.replace(ITEM, ''))
    } else open.push(line.replace(/^[ \t]*(?:>[ \t]?)*/, ''))
  }
  close()
  return blocks
}

/** The prose of `text` as one string, blocks separated by a blank line. */
export function plainText(text: string): string {
  return proseBlocks(text)
    .map((block) => block.text)
    .join('\n\n')
}

/** The words of a Markdown heading line (`## Words ##`); null when the line is none. */
export function headingText(line: string): string | null {
  if (!HEADING.test(line)) return null
  const inner = line.trim().replace(/^#+/, '').trim()
  const bare = inner.replace(/(?<!#)#+$/, '')
  // Closing marks count only after a blank: "C#" is a title.
  return bare === '' || /[ \t]$/.test(bare) ? bare.trim() : inner
}

/** A short line that stands alone and does not end like a sentence is a title, also in a plain text. */
function isTitle(lines: readonly string[], prose: string): boolean {
  return lines.length === 1 && prose.length <= 80 && !/[.!?…:;,。！？؟।]["'”’»)\]]*$/.test(prose)
}

function frontMatterEnd(lines: readonly string[]): number {
  const mark = lines[0]?.replace(/^\uFEFF/, '').trimEnd()
  if (mark !== '---' && mark !== '+++') return 0
  const limit = Math.min(lines.length, FRONT_MATTER_LINES_MAX)
  for (let i = 1; i < limit; i++) {
    const line = lines[i]!.trimEnd()
    if (line === mark || (mark === '---' && line === '...')) return i + 1
  }
  return 0
}

/** Cuts `<!-- … -->`, which may span blocks; an unclosed one is left for the tag pattern, as text. */
function withoutComments(text: string): string {
  let from = text.indexOf('<!--')
  if (from < 0) return text
  let kept = ''
  let done = 0
  while (from >= 0) {
    const to = text.indexOf('-->', from + 4)
    if (to < 0) break
    kept += text.slice(done, from)
    done = to + 3
    from = text.indexOf('<!--', done)
  }
  return kept + text.slice(done)
}

const INLINE: readonly (readonly [RegExp, string])[] = [
  [/!\[[^[\]]{0,500}\]\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}(?:\s[^()]{0,300})?\)/g, ' '],
  [/!\[[^[\]]{0,500}\]\[[^[\]]{0,200}\]/g, ' '],
  [/\[\^[^[\]\s]{1,100}\]/g, ''],
  [/\[([^[\]]{0,500})\]\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}(?:\s[^()]{0,300})?\)/g, '$1'],
  [/\[([^[\]]{1,500})\]\[[^[\]]{0,200}\]/g, '$1'],
  [/<\/?[A-Za-z][^<>]{0,2000}>/g, ' '],
  [/\b(?:https?|ftp):\/\/[^\s<>"»”]+/g, ' '],
  [/`{1,3}/g, ''],
  [/(?<![\p{L}\p{N}*_~])(?:\*{1,3}|_{1,3}|~~)(?=[\p{L}\p{N}"'“„«»([])/gu, ''],
  [/(?<=[\p{L}\p{N}.,;:!?"'”“»«)\]…%])(?:\*{1,3}|_{1,3}|~~)(?![\p{L}\p{N}*_~])/gu, ''],
  [/&nbsp;/g, ' '],
  [/&quot;/g, '"'],
  [/&(?:#39|apos);/g, "'"],
  [/&lt;/g, '<'],
  [/&gt;/g, '>'],
  [/&amp;/g, '&'],
  // Control characters are never prose: a text that came from a binary must not smuggle them into a report.
  // oxlint-disable-next-line no-control-regex
  [/[\u0000-\u0008\u000e-\u001f\u007f\ufffd]+/g, ' '],
]

function inlineProse(text: string): string {
  let prose = text
  for (const [pattern, replacement] of INLINE) prose = prose.replace(pattern, replacement)
  return prose.replace(/\s+/g, ' ').trim()
}

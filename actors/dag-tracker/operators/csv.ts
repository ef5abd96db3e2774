/** CSV as RFC 4180 describes it: quoted fields with doubled quotes and line breaks; LF or CRLF; a BOM is dropped. */
import { dagErrors } from '../errors.ts'
import { invalidInput, type Operator } from './operator.ts'

export const csvParse: Operator = {
  name: 'csv-parse',
  description:
    'Reads CSV text: objects by the names in the first row, or arrays without a header; all fields are strings',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: {
    text: { type: 'string' },
    separator: { type: 'string', default: ',' },
    header: { type: 'boolean', default: true },
  },
  outputs: { rows: 'array', columns: 'array', count: 'number' },
  run(inputs) {
    const separator = inputs.separator as string
    if (separator.length !== 1 || /["\r\n]/.test(separator)) {
      throw invalidInput('csv-parse', 'separator', 'one character', separator)
    }
    const records = parseCsv(inputs.text as string, separator)
    if (inputs.header === false) return { rows: records, columns: [], count: records.length }
    const [columns = [], ...rows] = records
    const repeated = columns.find((name, i) => columns.indexOf(name) !== i)
    if (repeated !== undefined) throw failed(`the column "${repeated}" is there twice`)
    const objects = rows.map((row, i) => {
      if (row.length === columns.length) return Object.fromEntries(columns.map((name, at) => [name, row[at]!]))
      throw failed(`row ${i + 2} has ${row.length} fields, the header ${columns.length}`)
    })
    return { rows: objects, columns, count: objects.length }
  },
}

function failed(reason: string): Error {
  return dagErrors.fail('PARSE_FAILED', { format: 'CSV', reason })
}

/** Records of fields; an empty line is no record. */
function parseCsv(text: string, separator: string): string[][] {
  const records: string[][] = []
  const source = text.startsWith('\ufeff') ? text.slice(1) : text
  let record: string[] = []
  let at = 0
  while (at < source.length) {
    const { field, end } = source[at] === '"' ? quotedField(source, at) : plainField(source, at, separator)
    const next = source[end]
    if (next !== undefined && next !== separator && next !== '\n' && next !== '\r') {
      throw failed(`text follows a closing quote at character ${end + 1}`)
    }
    record.push(field)
    if (next === separator) {
      at = end + 1
      if (at === source.length) record.push('')
      continue
    }
    if (record.length > 1 || field !== '' || source[at] === '"') records.push(record)
    record = []
    at = end + (next === '\r' && source[end + 1] === '\n' ? 2 : 1)
  }
  if (record.length > 0) records.push(record)
  return records
}

function plainField(text: string, start: number, separator: string): { field: string; end: number } {
  let end = start
  while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end++
  return { field: text.slice(start, end), end }
}

function quotedField(text: string, start: number): { field: string; end: number } {
  let field = ''
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) throw failed(`the quote at character ${start + 1} is not closed`)
    field += text.slice(at, quote)
    if (text[quote + 1] !== '"') return { field, end: quote + 1 }
    field += '"'
    at = quote + 2
  }
}

/** The door of the append-only log. */
export { openLog, type LogOptions } from './segment-log.ts'
export type { Log, LogDamage, LogPosition, LogRecord, LogSegment } from './log.ts'
export type { FileDescriptor, FileLayer } from './file-layer.ts'
export { systemFiles } from './system-files.ts'
export { memoryFiles } from './memory-files.ts'
export { fileError, logErrors } from './errors.ts'

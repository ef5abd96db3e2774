/**
 * The few file calls the log is made of, so that tests can stand between it and the disk.
 *
 * Calls are synchronous (inside an actor's own thread they beat promises several times over); only `sync`, which waits
 * for the device, is not. Failures are Node's own: errors with a `code` such as `ENOSPC`.
 */
export type FileDescriptor = number

export interface FileLayer {
  /** Creates the directory and its parents; no error when it exists. */
  makeDir(dir: string): void
  /** File names in the directory; empty when it does not exist. */
  list(dir: string): readonly string[]
  /** `write` creates the file when it is missing; both can read. */
  open(path: string, mode: 'read' | 'write'): FileDescriptor
  close(fd: FileDescriptor): void
  size(fd: FileDescriptor): number
  /** Fills `into` from offset `at`; returns the bytes read, fewer only at the end of the file. */
  read(fd: FileDescriptor, into: Uint8Array, at: number): number
  /** Writes all parts, one after the other, from offset `at`; after an error any part of them may have been written. */
  write(fd: FileDescriptor, parts: readonly Uint8Array[], at: number): void
  truncate(fd: FileDescriptor, sizeBytes: number): void
  /** Resolves when everything written to the file before the call is on the device (fdatasync). */
  sync(fd: FileDescriptor): Promise<void>
  syncNow(fd: FileDescriptor): void
  /** Makes created, renamed and removed names of the directory durable. */
  syncDir(dir: string): void
  /** Replaces `to` atomically. */
  rename(from: string, to: string): void
  /** No error when the file is missing. */
  remove(path: string): void
}
